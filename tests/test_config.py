"""Settings: their defaults, what they refuse, what the environment says."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import melpy
from melpy import config, layers
from melpy.errors import ArgumentError, DtypeError, UnknownNameError


@pytest.fixture
def fresh(monkeypatch):
    """Settings of a process in which nothing was set."""
    monkeypatch.setattr(config.settings, "_settings", {})
    for name in ("MELPY_KERNELS", "MELPY_NUM_THREADS", "MELPY_HOME"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_defaults(fresh):
    assert config.floatx() == "float32"
    assert config.epsilon() == 1e-7
    assert config.image_data_format() == "channels_last"
    assert config.kernels() == "compiled"
    assert config.threads() == config.usable_cpus() >= 1
    assert config.home() == Path("~/.cache/melpy").expanduser()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("floatx", "float64"),
        ("epsilon", 1e-3),
        ("image_data_format", "channels_first"),
        ("max_epochs", 2),
        ("max_steps_per_epoch", 3),
        ("dtype_policy", config.DTypePolicy("float64")),
        ("backend", "numpy"),
        ("kernels", "numpy"),
        ("kernels", "loops"),
        ("kernels", "im2col"),
        ("threads", 1),
    ],
)
def test_set_and_read(fresh, name, value):
    getattr(config, f"set_{name}")(value)
    assert getattr(config, name)() == value


@pytest.mark.parametrize(
    ("name", "value", "error", "words"),
    [
        ("floatx", "bfloat16", ArgumentError, "half precision is slower on processors"),
        ("floatx", "float46", UnknownNameError, "Did you mean 'float64'?"),
        ("floatx", np.float32, UnknownNameError, "one of float32, float64"),
        ("image_data_format", "channel_last", UnknownNameError, "Did you mean 'channels_last'?"),
        ("kernels", "numba", UnknownNameError, "one of compiled, im2col, loops, numpy"),
        ("epsilon", 0, ArgumentError, "value=0"),
        ("epsilon", -1e-7, ArgumentError, "float > 0"),
        ("epsilon", float("nan"), ArgumentError, "value=nan"),
        ("epsilon", float("inf"), ArgumentError, "finite"),
        ("epsilon", "small", ArgumentError, "value='small'"),
        ("dtype_policy", "mixed_float16", ArgumentError, "half precision"),
        ("dtype_policy", "float8", UnknownNameError, "float32, float64"),
        ("dtype_policy", 3, ArgumentError, "policy=3"),
        ("dtype_policy", None, ArgumentError, "policy=None"),
        ("backend", "jax", ArgumentError, "backend='jax'"),
        ("max_epochs", 0, ArgumentError, "an int > 0"),
        ("max_steps_per_epoch", 1.5, ArgumentError, "max_steps_per_epoch=1.5"),
        ("threads", 0, ArgumentError, "from 1 to"),
        ("threads", 10_000, ArgumentError, "count=10000"),
        ("threads", 1.0, DtypeError, "whole number"),
        ("threads", True, DtypeError, "count=True"),
        ("threads", "2", DtypeError, "count='2'"),
    ],
)
def test_what_is_refused_changes_nothing(fresh, name, value, error, words):
    before = getattr(config, name)()
    with pytest.raises(error) as refused:
        getattr(config, f"set_{name}")(value)
    assert words in str(refused.value)
    assert str(refused.value).startswith((f"set_{name}: ", "DTypePolicy: "))
    assert getattr(config, name)() == before


def test_threads_may_be_numpys_integers(fresh):
    config.set_threads(np.int64(1))
    assert config.threads() == 1
    assert type(config.threads()) is int


def test_environment(fresh, tmp_path):
    fresh.setenv("MELPY_KERNELS", "loops")
    fresh.setenv("MELPY_NUM_THREADS", "1")
    fresh.setenv("MELPY_HOME", str(tmp_path))
    assert (config.kernels(), config.threads(), config.home()) == ("loops", 1, tmp_path)
    config.set_kernels("numpy")  # what is set stands above the environment
    assert config.kernels() == "numpy"


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "99999"])
def test_threads_of_the_environment_are_checked(fresh, text):
    fresh.setenv("MELPY_NUM_THREADS", text)
    with pytest.raises((ArgumentError, DtypeError), match=r"^MELPY_NUM_THREADS: .* from 1 to"):
        config.threads()


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_number_of_threads_means_unset(fresh, text):
    fresh.setenv("MELPY_NUM_THREADS", text)
    assert config.threads() == config.usable_cpus()


def test_more_threads_than_cpus_work_with_one_warning(fresh):
    more = config.usable_cpus() + 1
    fresh.setenv("MELPY_NUM_THREADS", str(more))
    with pytest.warns(RuntimeWarning, match=f"MELPY_NUM_THREADS: {more} threads take turns"):
        assert config.threads() == more
    assert config.threads() == more


def test_kernels_of_the_environment_are_checked(fresh):
    fresh.setenv("MELPY_KERNELS", "nunpy")
    with pytest.raises(UnknownNameError, match=r"^MELPY_KERNELS: .*Did you mean 'numpy'"):
        config.kernels()


def test_limits_of_the_environment(fresh):
    assert config.max_epochs() is None
    assert config.max_steps_per_epoch() is None
    fresh.setattr(config.settings, "_settings", {})
    fresh.setenv("MELPY_MAX_EPOCHS", "3")
    fresh.setenv("MELPY_MAX_STEPS_PER_EPOCH", "many")
    assert config.max_epochs() == 3
    with pytest.raises(ArgumentError, match=r"^MELPY_MAX_STEPS_PER_EPOCH: .*'many'"):
        config.max_steps_per_epoch()


def test_what_scripts_switch(fresh):
    for name in ("traceback_filtering", "interactive_logging"):
        enabled = getattr(config, f"is_{name}_enabled")
        assert enabled() is True
        getattr(config, f"disable_{name}")()
        assert enabled() is False
        getattr(config, f"enable_{name}")()
        assert enabled() is True
    assert config.is_flash_attention_enabled() is None
    config.disable_flash_attention()
    assert config.is_flash_attention_enabled() is False
    config.enable_flash_attention()
    assert config.is_flash_attention_enabled() is None
    assert config.is_nnx_enabled() is False
    assert config.backend() == "numpy"


def test_messages_go_where_they_were_sent(fresh, capsys, caplog):
    config.say("seen")
    config.disable_interactive_logging()
    with caplog.at_level("INFO", "melpy"):
        config.say("logged")
    assert capsys.readouterr().out == "seen\n"
    assert [record.getMessage() for record in caplog.records] == ["logged"]


def test_messages_in_an_old_code_page(fresh, tmp_path):
    with (tmp_path / "out").open("w", encoding="cp1251") as file:
        fresh.setattr(sys, "stdout", file)
        config.say("a ━ bar")
    assert (tmp_path / "out").read_text(encoding="cp1251") == "a ? bar\n"


def test_nothing_lets_files_run_code():
    with pytest.raises(ArgumentError, match="never runs code"):
        config.enable_unsafe_deserialization()


def test_a_policy_is_the_type_of_new_layers(fresh):
    config.set_dtype_policy("float64")
    layer = layers.Dense(2)
    assert layer(np.ones((1, 3), "float32")).dtype == layer.kernel.dtype == "float64"
    assert layers.Dense(2, dtype=config.DTypePolicy("float32")).dtype == "float32"
    policy = config.dtype_policy()
    assert policy == config.DTypePolicy.from_config(policy.get_config())
    assert policy != config.DTypePolicy("float32")
    assert (policy.compute_dtype, policy.variable_dtype) == ("float64", "float64")
    with pytest.raises(DtypeError, match="name=3"):
        config.DTypePolicy(3)
    config.set_dtype_policy("float32")
    assert config.DTypePolicy(None).name == "float32"
    fresh.setattr(config.settings, "_settings", {})
    config.set_floatx("float64")  # what is not set follows it
    assert config.dtype_policy() == policy
    assert {policy, config.DTypePolicy("float64")} == {policy}


def test_policies_by_keras_names(fresh):
    policies = melpy.dtype_policies
    assert melpy.DTypePolicy is melpy.FloatDTypePolicy is melpy.mixed_precision.Policy
    double = melpy.DTypePolicy("float64")
    for identifier in ("float64", np.float64, np.dtype("f8"), double, policies.serialize(double)):
        assert policies.get(identifier) == double
    melpy.mixed_precision.set_global_policy("float64")
    assert policies.get(None) == melpy.mixed_precision.global_policy() == double
    for wrong in (
        "mixed_bfloat16",
        "int8_from_float32",
        int,
        {"class_name": "QuantizedDTypePolicy"},
    ):
        with pytest.raises(ArgumentError):
            policies.get(wrong)


def test_types_of_layers_without_weights_are_no_setting(fresh):
    assert melpy.DTypePolicy("int64").compute_dtype == "int64"
    layer = melpy.layers.Hashing(5, dtype="int64")
    assert layer.dtype_policy.name == layer.get_config()["dtype"]["config"]["name"] == "int64"
    for refused in (
        lambda: config.set_dtype_policy("int64"),
        lambda: melpy.layers.Dense(1, dtype="uint8"),
    ):
        with pytest.raises(ArgumentError, match="int"):
            refused()


def test_home_expands_the_tilde(fresh):
    fresh.setenv("MELPY_HOME", "~/elsewhere")
    assert config.home() == Path.home() / "elsewhere"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="affinity is Linux's")
def test_usable_cpus_are_those_of_the_process():
    code = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]);"
        "from melpy import config; print(config.usable_cpus(), config.threads())"
    )
    environment = {k: v for k, v in os.environ.items() if k != "MELPY_NUM_THREADS"}
    environment["PYTHONPATH"] = str(Path(melpy.__file__).parents[1])
    made = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert made.stdout == "1 1\n", made.stderr


@pytest.mark.parametrize(
    ("group", "files", "cpus"),
    [
        ("0::/a/b\n", {"a/b/cpu.max": "150000 100000\n"}, 2),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "50000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 10**6),
        ("0::/\n", {"cpu.max": "nonsense\n"}, 10**6),
        (
            "4:memory:/x\n3:cpu,cpuacct:/x\n",
            {"cpu/x/cpu.cfs_quota_us": "300000\n", "cpu/x/cpu.cfs_period_us": "100000\n"},
            3,
        ),
        (
            "3:cpu:/x\n",
            {"cpu/x/cpu.cfs_quota_us": "-1\n", "cpu/x/cpu.cfs_period_us": "100000\n"},
            10**6,
        ),
        (None, {}, 10**6),
    ],
)
def test_control_groups_limit_the_cpus(tmp_path, group, files, cpus):
    if group is not None:
        (tmp_path / "proc/self").mkdir(parents=True)
        (tmp_path / "proc/self/cgroup").write_text(group)
    for name, text in files.items():
        path = tmp_path / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert config.group_cpus(tmp_path) == cpus


def test_conv_path_is_checked(fresh):
    assert config.conv_path() is None
    with pytest.raises(UnknownNameError, match="fast"):
        config.set_conv_path("fast")
    config.set_conv_path("direct")
    assert config.conv_path() == "direct"
    config.set_conv_path(None)
    assert config.conv_path() is None


def test_floatx_is_the_type_of_new_weights(fresh):
    config.set_floatx("float64")
    layer = layers.Dense(2)
    assert np.asarray(layer(np.ones((1, 3)))).dtype == np.float64
    assert layer.get_weights()[0].dtype == np.float64
    config.set_floatx("float32")
    assert np.asarray(layers.Dense(2)(np.ones((1, 3)))).dtype == np.float32


@pytest.mark.parametrize("kernels", ["loops", "im2col", "numpy", "compiled"])
def test_each_set_of_kernels_computes_the_same(fresh, kernels):
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 2)).astype("float32")
    layer = layers.Conv2D(3, 2)
    config.set_kernels("numpy")
    wanted = np.asarray(layer(x))
    config.set_kernels(kernels)
    np.testing.assert_allclose(np.asarray(layer(x)), wanted, atol=1e-5)


def test_kernels_of_a_block_are_those_of_its_thread_alone(fresh):
    config.set_kernels("numpy")
    elsewhere = []
    with config.using_kernels("im2col"):
        assert config.kernels() == "im2col"
        with config.using_kernels("loops"):
            assert config.kernels() == "loops"
        thread = threading.Thread(target=lambda: elsewhere.append(config.kernels()))
        thread.start()
        thread.join()
        config.set_kernels("compiled")  # for all others, and for later
        assert config.kernels() == "im2col"
    assert (config.kernels(), elsewhere) == ("compiled", ["numpy"])
    with (
        pytest.raises(UnknownNameError, match=r"^using_kernels: unknown set of kernels 'fast'"),
        config.using_kernels("fast"),
    ):
        pass
    assert config.kernels() == "compiled"
