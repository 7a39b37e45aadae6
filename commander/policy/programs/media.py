"""Programs that turn pictures, sound and pages into others."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Effect,
    Program,
    Risk,
    Style,
    Targets,
)
from commander.policy.programs.reasons import WRITES

__all__ = ["PROGRAMS"]


_EXIFTOOL: Final = Program(
    names="exiftool",
    style=Style.WORDS,
    flags=(
        "-json -j -a -s -s1 -s2 -s3 -S -G -G1 -g -g1 -n -q -r -u -U -v -ver -X -b -e "
        "-m -f -fast -fast2 -ee -ext -Model -Make -DateTimeOriginal -CreateDate "
        "-ModifyDate -ImageSize -ImageWidth -ImageHeight -FileType -MIMEType -all "
        "-Title -Artist -Comment -Orientation -GPSLatitude -GPSLongitude -Duration"
    ),
    risks=(
        Risk(
            options="-if* -p -printFormat -d -userParam -api -execute* -stay_open",
            effect=Effect.RUNS,
            why="evaluates its value as Perl, or takes further commands",
        ),
        Risk(
            options="-config -@ -use", effect=Effect.LOADS, why="reads code or options"
        ),
        Risk(
            options="-o -out -w* -W* -tagOut* -textOut* -csv* -diff",
            effect=Effect.RUNS,
            why=WRITES,
        ),
    ),
    reason="It evaluates expressions as Perl.",
    passes=("exiftool a.jpg", "exiftool -json -Model a.jpg"),
    refuses=(
        "exiftool -if 'system(\"pwn\")' a.jpg",
        "exiftool -p '${model;system(\"pwn\")}' a.jpg",
        "exiftool -config evil a.jpg",
        "exiftool '-comment<${model;system(\"pwn\")}' a.jpg",
    ),
)


_FFMPEG: Final = Program(
    names="ffmpeg avconv",
    style=Style.WORDS,
    risks=(
        Risk(
            options="-report -dump_attachment* -vstats_file -passlogfile -progress "
            "-sdp_file -filter_complex_script -filter_script*",
            effect=Effect.WRITES,
            why=WRITES,
        ),
    ),
    targets=Targets.LAST,
    reason="Its last operand is written.",
    passes=("ffmpeg -i a.mp4 -vn out.mp3", "ffmpeg -version"),
    refuses=("ffmpeg -i a.mp4 /etc/cron.d/x", "ffmpeg -i a.mp4 -y .git/config"),
)


_IMAGEMAGICK: Final = Program(
    names="convert magick mogrify composite montage identify import display compare "
    "conjure animate stream gm",
    style=Style.WORDS,
    risks=(
        Risk(
            options="-write -path -script -cache",
            effect=Effect.RUNS,
            why="writes to a file or reads a script",
        ),
    ),
    targets=Targets.LAST,
    operands="|* *:|* msl:* MSL:* ephemeral:* text:* @* *:@* mvg:* MVG:* url:* "
    "*.msl *.mvg",
    operands_why="is read as a script or a command",
    reason="Names of files can be commands and scripts.",
    passes=("convert a.png -resize 50% b.png", "identify a.png"),
    refuses=(
        "convert '|pwn' a.png",
        "convert a.png /etc/x.png",
        "convert msl:evil a.png",
        "convert a.png 'png:|pwn'",
    ),
)


_GS: Final = Program(
    names="gs ghostscript gsc ps2pdf ps2ps pdf2ps eps2eps ps2ascii",
    style=Style.WORDS,
    risks=(
        Risk(
            options="-dNOSAFER -dDELAYSAFER -dALLOWPSTRANSPARENCY -c --permit-* -I* "
            "-sGenericResourceDir -sFONTPATH -dNOSAFE*",
            effect=Effect.RUNS,
            why="lets a document run programs",
            bare=True,
        ),
        Risk(
            options="-o -sOutputFile -sStdout",
            effect=Effect.WRITES,
            why="writes to a file or to a command",
            never="*|* *%pipe*",
        ),
        Risk(options="-o*", effect=Effect.RUNS, why=WRITES),
    ),
    operands="- %pipe* @*",
    operands_why="reads code",
    reason="A document is a program, and its output can be a command.",
    passes=("gs --version",),
    refuses=(
        "gs -dNOSAFER x.ps",
        "gs -sOutputFile=%pipe%pwn x.ps",
        "gs -o '|pwn' x.ps",
        "gs -c '(pwn) run' -f x.ps",
    ),
)

PROGRAMS: Final = (
    _IMAGEMAGICK,
    _EXIFTOOL,
    _FFMPEG,
    _GS,
)
