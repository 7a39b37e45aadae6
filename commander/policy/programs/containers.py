"""Programs that run containers, and that steer clusters of them."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Effect,
    Program,
    Risk,
    Style,
    Subcommand,
    Targets,
)
from commander.policy.programs.reasons import WRITES

__all__ = ["PROGRAMS"]

_RUNS_INSIDE: Final = (
    "runs a command in a container, which may hold this machine's files"
)

_DOCKER: Final = Program(
    names="docker podman nerdctl",
    style=Style.EXACT,
    valued=(
        "-l --log-level --tlscacert --tlscert --tlskey --namespace --snapshotter "
        "--storage-driver --cgroup-manager --events-backend --tmpdir"
    ),
    risks=(
        Risk(
            options="-H --host -c --context --url --connection -r --remote --identity",
            effect=Effect.RUNS,
            why="reaches another machine, through ssh if it says so",
            passing="default unix:///var/run/docker.sock",
        ),
        Risk(
            options="--config --runtime --conmon --hooks-dir --cni-config-dir "
            "--network-cmd-path --runtime-flag --root --runroot --module --cni-path "
            "--storage-opt --data-root --volumepath --hosts-dir",
            effect=Effect.LOADS,
            why="names programs, or where plugins are found",
        ),
    ),
    subcommands=(
        Subcommand(
            names="run exec create container.run container.exec container.create "
            "unshare debug pod.create service.create service.update stack.deploy "
            "kube.play play.kube plugin swarm mount machine.ssh sandbox model "
            "artifact compose.run compose.exec quadlet",
            refused=_RUNS_INSIDE,
        ),
        Subcommand(
            names="context system.connection",
            refused="names the machine that is reached",
            harmless="ls list show inspect",
        ),
        Subcommand(
            names="buildx.bake buildx.create buildx.history",
            refused="builds in ways that files and other machines name",
        ),
        Subcommand(
            names="cp container.cp compose.cp",
            targets=Targets.LAST,
            remote=True,
        ),
        Subcommand(
            names="save export image.save container.export context.export "
            "compose.config compose.convert compose.export trust.key.generate "
            "generate.kube kube.generate",
            risks=(
                Risk(
                    options="-o --output -f --filename",
                    effect=Effect.WRITES,
                    why=WRITES,
                    unless="--format",
                ),
            ),
        ),
        Subcommand(
            names="build buildx.build image.build builder.build",
            valued=(
                "-t --tag -f --file --build-arg --build-context --cache-from "
                "--cache-to --target --platform --label --network --progress "
                "--shm-size "
                "--ulimit --add-host --cpu-shares -m --memory --isolation --builder"
            ),
            risks=(
                Risk(
                    options="-o --output --iidfile --metadata-file --cidfile --logfile",
                    effect=Effect.WRITES,
                    why=WRITES,
                ),
                Risk(
                    options="--allow -v --volume --device --cap-add --privileged "
                    "--security-opt --hooks-dir --runtime --ssh --secret",
                    effect=Effect.RUNS,
                    why="gives the build more than its own files",
                ),
            ),
        ),
        Subcommand(
            names="compose",
            valued="-p --project-name --profile --env-file --progress --ansi "
            "--parallel",
            risks=(
                Risk(
                    options="-f --file --project-directory",
                    effect=Effect.SCRIPT,
                    why="reads services from its input",
                ),
            ),
        ),
    ),
    ordinary=(
        "attach build builder buildx commit compose container context cp diff events "
        "exists export generate healthcheck help history image images import info "
        "init inspect kill load login logout logs manifest network node pause pod port "
        "ps pull push rename restart rm rmi save scout search secret start stats stop "
        "stack system tag top trust unpause untag update version volume wait service "
        "config auto-update farm kube play namespace"
    ),
    harmless="--version -v --help",
    reason="It runs containers, and a container may hold the whole machine.",
    passes=(
        "docker ps -a --format '{{.Names}}'",
        "docker build -t app:latest -f docker/Dockerfile .",
        "docker compose up -d",
        "docker compose -f compose.ci.yaml logs web",
        "docker logs -f --tail 50 web",
        "docker cp web:/app/out.txt build/",
        "podman images",
    ),
    refuses=(
        "docker run --rm -v /:/host alpine chroot /host pwn",
        "docker --log-level debug exec web pwn",
        "docker container run alpine pwn",
        "docker compose exec web pwn",
        "docker -H ssh://evil ps",
        "docker --config evil ps",
        "docker cp web:/x /etc/cron.d/x",
        "docker save -o .git/config app",
        "docker pwn",
    ),
)

_COMPOSE: Final = Program(
    names="docker-compose podman-compose",
    style=Style.EXACT,
    valued="-p --project-name --profile --env-file --progress --ansi --parallel",
    risks=(
        Risk(
            options="-f --file --project-directory",
            effect=Effect.SCRIPT,
            why="reads services from its input",
        ),
        Risk(
            options="-H --host -c --context --podman-path --podman-args",
            effect=Effect.RUNS,
            why="reaches another machine, or names programs",
        ),
    ),
    subcommands=(
        Subcommand(names="run exec", refused=_RUNS_INSIDE),
        Subcommand(names="cp", targets=Targets.LAST, remote=True),
        Subcommand(
            names="config convert export",
            risks=(
                Risk(
                    options="-o --output --lock-image-digests",
                    effect=Effect.WRITES,
                    why=WRITES,
                ),
            ),
        ),
    ),
    reason="It runs containers, and a container may hold the whole machine.",
    passes=("docker-compose up -d --build", "docker-compose -f ci.yaml logs web"),
    refuses=(
        "docker-compose run web pwn",
        "docker-compose -p x exec web pwn",
        "docker-compose -f - up",
        "docker-compose -H ssh://evil ps",
    ),
)

_KUBECTL: Final = Program(
    names="kubectl oc k3s.kubectl microk8s.kubectl",
    style=Style.EXACT,
    valued=(
        "-n --namespace --context --cluster --user -s --server --token --as "
        "--as-group --as-uid --request-timeout --certificate-authority "
        "--client-certificate --client-key --tls-server-name --username --password "
        "-v --v --profile --log-flush-frequency --vmodule"
    ),
    risks=(
        Risk(
            options="--kubeconfig",
            effect=Effect.LOADS,
            why="reads settings that name programs",
        ),
        Risk(
            options="--profile-output --cache-dir --log-file --log-dir "
            "--output-directory",
            effect=Effect.WRITES,
            why=WRITES,
        ),
        Risk(
            options="--enable-exec --enable-alpha-plugins --helm-command --enable-helm",
            effect=Effect.RUNS,
            why="runs programs that files name",
            bare=True,
        ),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(
            names="exec run debug attach rsh node-shell",
            refused="runs a command in a container",
        ),
        Subcommand(
            names="edit plugin proxy create.edit set.edit",
            refused="starts an editor, a plugin or a server",
        ),
        Subcommand(names="cp", targets=Targets.LAST, remote=True),
        Subcommand(
            names="config",
            refused="changes settings that name programs",
            harmless="view get-contexts get-clusters get-users current-context "
            "use-context --current",
        ),
        Subcommand(
            names="create",
            risks=(
                Risk(
                    options="--edit",
                    effect=Effect.RUNS,
                    why="starts an editor",
                    bare=True,
                ),
            ),
        ),
    ),
    ordinary=(
        "alpha annotate api-resources api-versions apply auth autoscale certificate "
        "cluster-info completion config cordon create delete describe diff drain "
        "events explain expose get help kustomize label logs options patch "
        "port-forward "
        "replace rollout scale set taint top uncordon version wait get-token login "
        "project projects status whoami adm new-app start-build"
    ),
    harmless="--help --version -h",
    reason="It runs commands in containers, and plugins by name.",
    passes=(
        "kubectl get pods -n default -o json",
        "kubectl -n prod logs -f deploy/web --tail=50",
        "kubectl apply -f k8s/",
        "kubectl config current-context",
        "kubectl rollout status deploy/web",
    ),
    refuses=(
        "kubectl exec web -- pwn",
        "kubectl -n prod exec web -- pwn",
        "kubectl --context x run y --image=z",
        "kubectl get pods --kubeconfig evil",
        "kubectl config set-credentials x --exec-command=pwn",
        "kubectl cp web:/x /etc/x",
        "kubectl edit deploy/web",
        "kubectl pwn",
    ),
)

PROGRAMS: Final = (
    _DOCKER,
    _COMPOSE,
    _KUBECTL,
)
