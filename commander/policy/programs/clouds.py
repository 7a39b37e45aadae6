"""Programs that steer clouds, clusters and machines."""

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

_INSIDE: Final = "runs a command on another machine or in a container"

_ANSIBLE: Final = Program(
    names="ansible ansible-console ansible-pull ansible-test salt salt-call puppet "
    "chef-client "
    "knife fabric",
    refused="runs commands on machines, this one among them",
    harmless="--version --help",
    reason="Its modules are commands.",
    passes=("ansible --version",),
    refuses=("ansible localhost -m shell -a pwn", "ansible localhost -a pwn"),
)

_ANSIBLE_PLAYBOOK: Final = Program(
    names="ansible-playbook ansible-lint ansible-inventory ansible-doc",
    risks=(
        Risk(
            options="-e --extra-vars",
            effect=Effect.RUNS,
            why="sets variables, and some name programs",
            values="*ansible_* @* {* *{{*",
        ),
        Risk(
            options="--ssh-common-args --ssh-extra-args --sftp-extra-args "
            "--scp-extra-args --become-method --connection-password-file "
            "--vault-password-file --become-password-file --vault-id",
            effect=Effect.RUNS,
            why="names a program that it runs",
        ),
        Risk(
            options="-M --module-path -c --connection",
            effect=Effect.LOADS,
            why="loads code",
            passing="local ssh",
        ),
        Risk(
            options="-i --inventory --inventory-file",
            effect=Effect.SCRIPT,
            why="runs an inventory, or reads one with commands",
            never="*=*",
        ),
        Risk(options="--output", effect=Effect.WRITES, why=WRITES),
    ),
    operands="- /dev/*",
    operands_why="reads tasks",
    reason="It runs what a playbook says, and variables change that.",
    passes=(
        "ansible-playbook -i hosts.ini site.yml --check",
        "ansible-playbook site.yml -e version=2 --tags web",
    ),
    refuses=(
        "ansible-playbook site.yml -e ansible_python_interpreter=./pwn",
        "ansible-playbook site.yml --ssh-common-args='-o ProxyCommand=pwn'",
        "ansible-playbook -i 'x ansible_connection=local,' site.yml",
        "ansible-playbook --vault-password-file ./pwn site.yml",
        "ansible-playbook /dev/stdin",
    ),
)

_AWS: Final = Program(
    names="aws",
    style=Style.GNU,
    valued="--profile --region --output --query --endpoint-url --color --ca-bundle",
    everywhere=True,
    risks=(
        Risk(
            options="--cli-pager",
            effect=Effect.RUNS,
            why="runs a program on the output",
        ),
    ),
    subcommands=(
        Subcommand(
            names="configure",
            refused="changes settings that name programs",
            harmless="list list-profiles get",
        ),
        Subcommand(
            names="s3.cp s3.mv s3.sync s3api.get-object lambda.invoke",
            targets=Targets.LAST,
            remote=True,
        ),
        Subcommand(
            names="ssm.start-session ecs.execute-command ec2-instance-connect.ssh "
            "emr.ssh emr.put emr.get emr.socks cloudshell opsworks.register",
            refused=_INSIDE,
        ),
    ),
    reason="It writes what it gets, and settings name programs.",
    passes=(
        "aws s3 ls s3://bucket/prefix/",
        "aws s3 cp a.txt s3://bucket/.x/a.txt",
        "aws s3 cp s3://bucket/a.txt build/a.txt",
        "aws sts get-caller-identity",
    ),
    refuses=(
        "aws configure set credential_process pwn",
        "aws s3 cp s3://bucket/x .git/config",
        "aws s3 sync s3://bucket/x /etc",
        "aws ssm start-session --target x",
    ),
)

_CLOUDS: Final = Program(
    names="gcloud az doctl flyctl fly heroku oci ibmcloud linode-cli hcloud vercel "
    "netlify "
    "railway eksctl kops minikube kind k3d multipass limactl vagrant crc colima",
    style=Style.EXACT,
    everywhere=True,
    subcommands=(
        Subcommand(
            names="compute.ssh compute.scp app.instances.ssh "
            "cloud-shell.ssh cloud-shell.scp alpha.cloud-shell ssh ssh.console "
            "machine.run machine.exec console run run:detached ps:exec exec shell "
            "sandbox extension alias config.set plugins plugin plugins:install "
            "container.exec webapp.ssh vm.run-command box provision node.ssh "
            "dev feedback interactive rsync edit powershell winrm",
            refused=_INSIDE,
        ),
    ),
    risks=(
        Risk(
            options="--flags-file",
            effect=Effect.LOADS,
            why="reads options from a file",
        ),
    ),
    reason="It runs commands on machines, and plugins.",
    passes=("gcloud compute instances list", "az vm list", "vagrant status"),
    refuses=(
        "gcloud compute ssh x --command pwn",
        "vagrant ssh -c pwn",
        "fly ssh console -C pwn",
        "heroku run pwn",
    ),
)

_CONTAINERS: Final = Program(
    names="ctr crictl runc crun kata-runtime buildah buildctl skopeo umoci lxc-execute "
    "singularity apptainer enroot img kaniko devcontainer",
    style=Style.EXACT,
    subcommands=(
        Subcommand(
            names="run exec create attach shell from unshare restore spec instance "
            "task.exec tasks.exec task.attach containers.create c.create up bud mount "
            "plugin plugins start e r oci.exec",
            refused="runs a command in a container, which may hold this machine's "
            "files",
        ),
    ),
    reason="It runs containers, and a container may hold the whole machine.",
    passes=("crictl ps", "skopeo inspect docker://alpine", "ctr images ls"),
    refuses=(
        "ctr run x y pwn",
        "crictl exec x pwn",
        "runc run x",
        "apptainer exec x pwn",
    ),
)

_GH: Final = Program(
    names="gh glab hub",
    style=Style.EXACT,
    valued=(
        "-R --repo --hostname -t --title -b --body -B --base -H --head -l --label -a "
        "--assignee -m --milestone -r --reviewer -L --limit -q --jq --json -S --search "
        "-s --state -n --notes -c --comment -d --description"
    ),
    everywhere=True,
    subcommands=(
        Subcommand(
            names="alias extension extensions ext codespace cs copilot duo "
            "ssh-key.add gpg-key.add",
            refused="names or runs programs",
            harmless="list ls search browse",
        ),
        Subcommand(
            names="config",
            refused="changes settings that name programs",
            harmless="get list ls",
        ),
        Subcommand(
            names="repo.clone repo.fork gist.clone",
            operands="-u* -c* -o* --upload-pack* --config* --template* --exec* "
            "--upload* --conf* --temp* --separate-git-dir* ext::* fd::*",
            operands_why="is passed to git, and runs programs",
        ),
        Subcommand(
            names="run.download release.download gist.clone attestation.download",
            risks=(
                Risk(
                    options="-D --dir -O --output",
                    effect=Effect.WRITES,
                    why=WRITES,
                ),
            ),
        ),
        Subcommand(
            names="auth.setup-git auth.refresh",
            refused="changes settings that name programs",
        ),
    ),
    ordinary=(
        "alias api attestation auth browse cache ci completion config extension gist "
        "gpg-key help issue job label mr org pr project release repo reference ruleset "
        "run search secret ssh-key status variable version workflow incident iteration "
        "milestone schedule snippet user deploy-key check-update clone"
    ),
    harmless="--version --help",
    reason="Its aliases and extensions are programs.",
    passes=(
        "gh pr list --state open",
        "gh api repos/a/b/pulls",
        "gh pr create --title x --body y",
        "gh repo clone a/b",
        "gh run view 1 --log",
    ),
    refuses=(
        "gh alias set x '!pwn'",
        "gh extension install evil/gh-x",
        "gh repo clone a/b -- -u pwn",
        "gh config set pager pwn",
        "gh codespace ssh -- pwn",
        "gh run download 1 -D .git/hooks",
        "gh pwn",
    ),
)

_HELM_RISKS: Final = (
    Risk(
        options="--post-renderer --post-renderer-args --helm-binary -b "
        "--enable-exec "
        "--enable-alpha-plugins --helm-command --kustomize-binary",
        effect=Effect.RUNS,
        why="runs a program on what it makes",
    ),
    Risk(
        options="--kubeconfig",
        effect=Effect.LOADS,
        why="reads settings that name programs",
    ),
    Risk(
        options="--output-dir --repository-config --registry-config "
        "--repository-cache --destination -d",
        effect=Effect.WRITES,
        why=WRITES,
    ),
)

_HELM: Final = Program(
    names="helm",
    style=Style.EXACT,
    valued="-n --namespace --kube-context --version -l --selector",
    risks=_HELM_RISKS,
    everywhere=True,
    subcommands=(
        Subcommand(
            names="plugin exec debug admin edit",
            refused="runs or installs programs",
            harmless="list ls",
        ),
        Subcommand(names="create", targets=Targets.EACH),
        Subcommand(
            names="pull fetch",
            risks=(Risk(options="--untardir", effect=Effect.WRITES, why=WRITES),),
        ),
    ),
    ordinary=(
        "completion dependency dep env get help history hist install inspect lint list "
        "ls package push registry repo rollback search show status template test "
        "uninstall un del delete upgrade verify version diff"
    ),
    harmless="--version --help -h",
    reason="Renderers and plugins are programs.",
    passes=(
        "helm list -A",
        "helm upgrade --install web ./chart -f values.yaml",
        "helm template web ./chart",
    ),
    refuses=(
        "helm template x . --post-renderer ./pwn",
        "helm plugin install evil",
        "helm pwn",
        "helm create /etc/x",
        "helm list --kubeconfig evil",
        "helm template x . --output-dir .git/hooks",
    ),
)

_KUBERNETES: Final = Program(
    names="helmfile kustomize argocd flux istioctl skaffold stern k9s kubectx kubens",
    style=Style.EXACT,
    valued="-n --namespace --kube-context --version -l --selector",
    risks=_HELM_RISKS,
    everywhere=True,
    subcommands=(
        Subcommand(
            names="plugin exec debug admin edit",
            refused="runs or installs programs",
            harmless="list ls",
        ),
    ),
    reason="Renderers and plugins are programs.",
    passes=("kustomize build .", "argocd app list"),
    refuses=("helmfile --helm-binary pwn sync", "kustomize build --enable-exec ."),
)

_TERRAFORM: Final = Program(
    names="terraform tofu terragrunt packer pulumi cdktf",
    style=Style.WORDS,
    valued="-var -var-file -target -replace -backend-config -state -lock-timeout",
    risks=(
        Risk(options="-chdir", effect=Effect.WRITES, why="names the directory"),
        Risk(
            options="-out -state-out -backup -generate-config-out -json-into",
            effect=Effect.WRITES,
            why=WRITES,
        ),
        Risk(
            options="-plugin-dir -from-module --terragrunt-tfpath --tf-path "
            "--terragrunt-config",
            effect=Effect.LOADS,
            why="loads programs from there",
        ),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(
            names="exec plugin plugins login new policy",
            refused="runs or installs programs",
        ),
    ),
    reason="It runs what files say, and plugins from where options say.",
    passes=(
        "terraform plan -out=plan.bin -var x=1",
        "terraform init -backend=false",
        "terraform -chdir=infra validate",
        "terraform fmt -check -recursive",
    ),
    refuses=(
        "terraform -chdir=/etc/x init",
        "terraform init -plugin-dir=evil",
        "terraform plan -out=.git/config",
        "terraform init -from-module=evil",
        "terragrunt --tf-path ./pwn plan",
    ),
)

_ANSIBLE_TOOLS: Final = Program(
    names="ansible-vault ansible-galaxy ansible-config",
    risks=(
        Risk(
            options="--vault-password-file --vault-id --new-vault-password-file",
            effect=Effect.RUNS,
            why="names a program that it runs",
        ),
        Risk(
            options="--output -p --roles-path",
            effect=Effect.WRITES,
            why=WRITES,
        ),
    ),
    everywhere=True,
    subcommands=(Subcommand(names="edit create", refused="starts an editor"),),
    reason="It starts editors, and programs that give passwords.",
    passes=("ansible-vault view x.yml", "ansible-galaxy collection list"),
    refuses=(
        "ansible-vault edit x.yml",
        "ansible-vault view --vault-password-file ./pwn x.yml",
    ),
)

PROGRAMS: Final = (
    _ANSIBLE,
    _ANSIBLE_PLAYBOOK,
    _ANSIBLE_TOOLS,
    _AWS,
    _CONTAINERS,
    _CLOUDS,
    _GH,
    _HELM,
    _KUBERNETES,
    _TERRAFORM,
)
