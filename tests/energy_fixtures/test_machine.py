"""Facts of the host, read from made-up machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from energy_fixtures.machine import READERS, host_facts, read_host

CPU = "sys/devices/system/cpu"


def place(root: Path, files: dict[str, str]) -> Path:
    """A file tree from paths."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_this_machine_tells_the_usual():
    """Every machine knows its processor, cores, memory and versions, and no fact is empty."""
    facts = host_facts()

    assert {"cpu", "cores", "memory_bytes", "system", "kernel", "machine", "python"} <= set(facts) <= set(READERS)
    assert all(value not in ("", 0) for value in facts.values())


def test_clocks_of_all_cores_are_told_once(tmp_path: Path):
    """Governor and preference are those of every core, joined where cores differ."""
    policies = {
        f"{CPU}/cpufreq/policy0/scaling_governor": "performance\n",
        f"{CPU}/cpufreq/policy1/scaling_governor": "powersave\n",
        f"{CPU}/cpufreq/policy4/scaling_governor": "performance\n",
        f"{CPU}/cpufreq/policy0/energy_performance_preference": "balance_power\n",
    }
    facts = read_host(place(tmp_path, policies), {})

    assert (facts["governor"], facts["epp"]) == ("performance+powersave", "balance_power")


def test_what_a_machine_does_not_tell_is_absent(tmp_path: Path):
    """Without clock files, hypervisor flag or control groups there is no such fact, and no made-up value."""
    facts = read_host(tmp_path, {})

    assert not {"governor", "epp", "smt", "turbo", "container", "virtual_machine"} & set(facts)


@pytest.mark.parametrize(
    ("files", "turbo"),
    [
        ({f"{CPU}/intel_pstate/no_turbo": "1\n"}, "off"),
        ({f"{CPU}/intel_pstate/no_turbo": "0\n"}, "on"),
        ({f"{CPU}/cpufreq/boost": "1\n"}, "on"),
        ({f"{CPU}/cpufreq/boost": "0\n"}, "off"),
        ({f"{CPU}/cpufreq/boost": "maybe\n"}, None),
    ],
)
def test_turbo_is_on_or_off(tmp_path: Path, files: dict[str, str], turbo: str | None):
    """Intel's file says what is refused and the others' what is allowed; both end as on or off."""
    assert read_host(place(tmp_path, files), {}).get("turbo") == turbo


@pytest.mark.parametrize(("text", "smt"), [("1\n", "on"), ("0\n", "off")])
def test_smt_is_on_or_off(tmp_path: Path, text: str, smt: str):
    """Whether two threads share a core is told."""
    assert read_host(place(tmp_path, {f"{CPU}/smt/active": text}), {})["smt"] == smt


@pytest.mark.parametrize(
    ("files", "environ", "kind"),
    [
        ({"proc/1/cgroup": "0::/init.scope\n"}, {}, "none"),
        ({"proc/1/cgroup": "0::/\n", ".dockerenv": ""}, {}, "docker"),
        ({"proc/1/cgroup": "12:cpu:/docker/3fa9c0ffee\n"}, {}, "docker"),
        ({"proc/1/cgroup": "0::/\n", "run/.containerenv": ""}, {}, "podman"),
        ({"proc/1/cgroup": "0::/kubepods.slice/pod77/docker-1.scope\n", ".dockerenv": ""}, {}, "kubernetes"),
        ({"proc/1/cgroup": "0::/\n"}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "kubernetes"),
        ({"proc/1/cgroup": "0::/lxc/box\n"}, {}, "lxc"),
        ({"proc/1/cgroup": "0::/\n"}, {"APPTAINER_CONTAINER": "image.sif"}, "apptainer"),
        (
            {
                "proc/1/cgroup": "0::/\n",
                "proc/self/mountinfo": "1 2 8:1 /var/lib/docker/containers/3fa9/hostname /etc/hostname rw - ext4 /x rw\n",
            },
            {},
            "docker",
        ),
        (
            {
                "proc/1/cgroup": "0::/init.scope\n",
                "proc/self/mountinfo": "1 2 0:9 / /var/lib/docker/overlay2/3fa9/merged rw - overlay overlay rw\n",
            },
            {},
            "none",
        ),
    ],
)
def test_container_is_a_kind_and_nothing_else(
    tmp_path: Path, files: dict[str, str], environ: dict[str, str], kind: str
):
    """A container tells its runtime, never its name or id; a machine that only runs containers is none."""
    facts = read_host(place(tmp_path, files), environ)

    assert facts["container"] == kind


@pytest.mark.parametrize(
    ("files", "virtual"),
    [
        ({"proc/cpuinfo": "model name\t: X\nflags\t\t: fpu hypervisor sse\n"}, "yes"),
        ({"proc/cpuinfo": "model name\t: X\nflags\t\t: fpu sse\n"}, "no"),
        ({"proc/cpuinfo": "CPU part\t: 0xd4f\n"}, None),
        ({"sys/hypervisor/type": "xen\n"}, "yes"),
    ],
)
def test_virtual_machine_is_told_where_it_can_be(tmp_path: Path, files: dict[str, str], virtual: str | None):
    """An x86 processor's flags say whether it is a guest's; where nothing says so it is unknown."""
    assert read_host(place(tmp_path, files), {}).get("virtual_machine") == virtual
