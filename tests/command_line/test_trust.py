"""`verify`, `fork`, `diff`, `explain`."""

import json
import shutil

import msgspec
import pytest
from command_line.asking import answer, ask, complaint, log_bytes, simulate

from events import LogWriter, open_log
from events.types.run import RunStarted, WeekClosed
from market import open_run
from market.evolve import evolve
from market.runs.compare import POSITIONS
from market.state import State, state_hash


def forked(run, folder, *words):
    result = ask("fork", run, "--out", folder, "--quiet", *words)
    assert result.exit_code == 0, result.output
    return folder


def test_verify_holds_a_run_and_simulates_it_again(run):
    found = answer("verify", run, "--deep")
    assert set(found) >= {"run", "ok", "complete", "commits", "events", "bytes", "head", "problems"}
    assert (found["ok"], found["complete"], found["problems"]) == (True, True, [])
    assert found["head"] == open_log(run).head
    assert "simulated again to the same bytes" in ask("verify", run, "--deep").stdout


def test_verify_finds_the_same_of_a_commit_that_is_read_part_by_part(run, monkeypatch):
    whole = answer("verify", run)
    monkeypatch.setattr("events.decode.PART_ROWS", 1_000)
    assert answer("verify", run) == whole


def test_verify_names_what_is_wrong_and_where(run, tmp_path):
    bad = tmp_path / "bad"
    shutil.copytree(run, bad)
    log = bad / "log" / "00000000.arrow"
    data = bytearray(log.read_bytes())
    data[-5000] ^= 1
    log.write_bytes(data)
    result = ask("verify", bad, "--json")
    assert result.exit_code == 3
    found = json.loads(result.stdout)
    assert not found["ok"]
    assert {"segment", "commit", "offset", "reason"} == set(found["problems"][0])
    assert found["problems"][0]["segment"] == "00000000.arrow"
    assert "00000000.arrow" in ask("verify", bad).stdout


def rewritten(run, folder, change, evolved=False):
    """Write a run's events again, whole and in chain, with some changed; `evolved`: with hashes that replay."""
    reader, state = open_log(run), State()
    question = open_run(run).question
    with LogWriter.create(folder, question.manifest(), question.text()) as log:
        for entry in reader.entries():
            entry = change(entry)
            if type(entry.event) is WeekClosed:
                if evolved:
                    entry = changed(entry, state_hash=state_hash(state))
                log.append(entry)
                log.close_week()
            else:
                log.append(entry)
            if evolved:
                evolve(state, entry.event, entry.day)
        log.finish()
    return folder


def changed(entry, **fields):
    return msgspec.structs.replace(entry, event=msgspec.structs.replace(entry.event, **fields))


def dearer(entry):
    if type(entry.event).__name__ != "BudgetSet":
        return entry
    return changed(entry, value=entry.event.value + 1)


def refused(*words):
    """What `verify` finds wrong."""
    result = ask("verify", *words, "--json")
    assert result.exit_code == 3, result.output
    return " ".join(problem["reason"] for problem in json.loads(result.stdout)["problems"])


def test_verify_says_what_it_checked_and_what_it_did_not(run):
    found = answer("verify", run)
    assert found["checked"] == [
        "bytes, chain, schema and sequence",
        f"{open_run(run).replay().week + 1} weekly state hashes, by replay",
        "the auditor's rules",
        "scenario, seed, policies, vocabulary and segments as run.json states them",
    ]
    assert "our own evolve" in found["unchecked"][-1]
    text = " ".join(ask("verify", run).stdout.split())  # however wide the screen is
    assert all(line in text for line in (*found["checked"], "not checked:", "--head HASH", "--deep"))
    found = answer("verify", run, "--bytes")
    assert found["checked"] == ["bytes, chain, schema and sequence"]
    assert "state hashes" in found["unchecked"][0]
    assert "--bytes" in complaint("verify", run, "--bytes", "--deep", code=2)


def test_verify_finds_events_that_cannot_all_be_true(run, tmp_path):
    def doubled(entry):
        if type(entry.event).__name__ != "GpusInstalled":
            return entry
        return changed(entry, gpus=entry.event.gpus + 10_000)

    assert "in the warehouse" in refused(rewritten(run, tmp_path / "false", doubled, evolved=True))


def test_verify_finds_state_hashes_that_the_events_do_not_give(run, tmp_path):
    def zeros(entry):
        return changed(entry, state_hash="0" * 64) if type(entry.event) is WeekClosed else entry

    false = rewritten(run, tmp_path / "zeros", zeros)
    assert "week 0: the log recorded state 0000000000000000" in refused(false)
    assert answer("verify", false, "--bytes")["ok"]
    assert "week 0: the log recorded state" in refused(rewritten(run, tmp_path / "dearer", dearer))


def test_a_forger_who_runs_our_own_evolve_is_found_by_the_published_head_and_by_simulating_again(run, tmp_path):
    false = rewritten(run, tmp_path / "false", dearer, evolved=True)
    assert answer("verify", false)["ok"]
    head = open_log(run).head
    assert f"not the published {head}" in refused(false, "--head", head)
    assert "simulating again differs" in refused(false, "--deep")


def test_a_published_head_holds_or_is_that_of_an_earlier_commit(run):
    commits = [commit for found in open_log(run).walk() for commit in found.scan.commits]
    assert "the published head" in answer("verify", run, "--head", commits[-1].chain)["checked"]
    said = refused(run, "--head", commits[0].chain)
    assert f"which is that of commit 0: events from seq {commits[0].rows} came later" in said
    text = " ".join(ask("verify", run, "--head", commits[0].chain).stdout.split())
    assert "not ok: log: its head is" in text
    assert "64 hexadecimal digits" in complaint("verify", run, "--head", "abc", code=2)


def test_verify_compares_what_run_json_states(run, tmp_path):
    def other_seed(entry):
        return changed(entry, seed=7) if type(entry.event) is RunStarted else entry

    assert "do not agree on the seed: 0 and 7" in refused(rewritten(run, tmp_path / "seed", other_seed, evolved=True))
    for field, value in {"last_seq": 5, "first_seq": 1, "chain_in": "0" * 64, "chain_out": "0" * 64}.items():
        folder = tmp_path / field
        shutil.copytree(run, folder)
        known = open_log(run).manifest
        segments = [msgspec.structs.replace(known.segments[0], **{field: value})]
        (folder / "run.json").write_bytes(msgspec.structs.replace(known, segments=segments).to_json())
        assert "not the events or the chain values that run.json lists" in refused(folder)
    shutil.copytree(run, tmp_path / "named")
    named = msgspec.structs.replace(known, policies=["power-moratorium"])
    (tmp_path / "named" / "run.json").write_bytes(named.to_json())
    assert "does not follow" in refused(tmp_path / "named")  # policies are under the chain


def test_verify_names_files_that_are_none_of_a_runs(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "log" / "notes.txt").write_text("mine")
    assert answer("verify", tmp_path / "run")["strangers"] == ["log/notes.txt"]
    assert "log/notes.txt" in ask("verify", tmp_path / "run").stdout


@pytest.mark.parametrize("date", ["2024-07-21", "2024-08-30", "2024-10-25"])
def test_a_fork_without_a_change_is_the_same_history(run, tmp_path, date):
    fork = forked(run, tmp_path / "fork", "--at", date)
    assert answer("diff", run, fork)["same"] is True
    a, b = open_run(run).log.collect(), open_run(fork).log.collect()
    assert a.drop("commit").equals(b.drop("commit"))
    assert open_log(fork).head != open_log(run).head
    assert answer("verify", fork, "--deep")["ok"]


def test_a_fork_says_where_it_comes_from(run, tmp_path):
    result = ask("fork", run, "--at", "2024-08-30", "--out", tmp_path / "fork", "--quiet", "--json")
    parent = json.loads(result.stdout)["parent"]
    log = open_log(run).scan().collect()
    closed = log.filter(type="WeekClosed", week=5)
    assert parent == {"run": "world", "week": 5, "commit": closed["commit"][0], "head": open_log(run).head}


def test_a_fork_under_a_policy_parts_at_the_policy(run, tmp_path):
    fork = forked(run, tmp_path / "fork", "--at", "2024-08-30", "--policy", "export-controls:from=2024-08-01")
    found = answer("diff", run, fork)
    assert found["same"] is False
    first = found["first_difference"]
    assert found["events"]["b"]["type"] == "PolicyEnacted"
    last_shared = answer("replay", run, "--until", "2024-08-30")["events"]
    assert first >= last_shared
    columns = [name for name in open_run(run).log.collect_schema() if name not in POSITIONS]
    a, b = (open_run(folder).log.select(columns).head(first).collect() for folder in (run, fork))
    assert a.equals(b)
    assert answer("verify", fork, "--deep")["ok"]
    assert "PolicyEnacted" in ask("diff", run, fork).stdout


def test_a_fork_lasts_as_long_as_it_is_told(run, tmp_path):
    fork = forked(run, tmp_path / "fork", "--at", "2024-10-27", "--years", "0.4")
    longer = simulate(tmp_path / "longer", years="0.4")
    a, b = open_run(fork).events("WeekClosed").collect(), open_run(longer).events("WeekClosed").collect()
    assert a["week"].to_list() == b["week"].to_list() == list(range(20))
    assert answer("verify", fork, "--deep")["ok"]


def test_a_fork_that_was_cut_short_is_resumed_to_the_same_bytes(run, tmp_path, monkeypatch):
    words = ("--at", "2024-08-30", "--policy", "export-controls:from=2024-08-01")
    whole = forked(run, tmp_path / "whole", *words)
    for weeks in (2, 9):  # before and after the parting
        cut = tmp_path / f"cut{weeks}"
        with monkeypatch.context() as patch:
            patch.setattr("events.log.COMMIT_EVENTS", 4096)
            patch.setattr(LogWriter, "close_week", dying(LogWriter.close_week, weeks))
            assert ask("fork", run, "--out", cut, "--quiet", *words).exit_code == 130
        assert not open_log(cut).complete
        assert ask("run", "--resume", "--out", cut, "--quiet").exit_code == 0
        assert log_bytes(cut) == log_bytes(whole)


def dying(close_week, weeks):
    """A week's end at which the person presses Ctrl-C, once a commit has been made and so many weeks have passed."""
    seen = []

    def close(log):
        close_week(log)
        seen.append(log.commits)
        if len(seen) > weeks and log.commits:
            raise KeyboardInterrupt

    return close


def test_a_fork_of_a_run_by_other_code_is_refused(run, tmp_path, monkeypatch):
    monkeypatch.setattr("events.manifest.code_hash", lambda: "0" * 64)
    assert "other code" in complaint("fork", run, "--at", "2024-08-30", "--out", tmp_path / "a", code=1)
    assert "other code" in complaint("verify", run, "--deep", code=1)
    assert answer("replay", run)["matches"]


def test_two_seeds_differ_from_the_first_event_on(run, tmp_path):
    other = simulate(tmp_path / "other", "--seed", "1", years="0.1")
    found = answer("diff", run, other)
    assert (found["same"], found["first_difference"]) == (False, 0)
    log = open_run(run).log.collect()
    assert sum(count["a"] for count in found["counts"].values()) == log.height


def test_the_difference_is_the_first_one(run, tmp_path):
    import msgspec

    events = open_run(run).log.collect()
    seq = events.filter(type="OrderPlaced")["seq"][20]

    def altered(entry):
        if entry.seq != seq:
            return entry
        return msgspec.structs.replace(entry, event=msgspec.structs.replace(entry.event, gpus=entry.event.gpus + 1))

    other = rewritten(run, tmp_path / "other", altered)
    found = answer("diff", run, other)
    assert found["first_difference"] == seq
    assert found["events"]["b"]["gpus"] == found["events"]["a"]["gpus"] + 1


KINDS = ("LeaseSigned", "LeaseTalksFailed", "BuildingSlipped")


def test_every_cause_leads_to_a_root(run):
    log = open_run(run).log.collect()
    start = log.filter(type="WeekClosed")["seq"][0]
    found = [seq for kind in KINDS for seq in log.filter(type=kind)["seq"].to_list() if seq > start]
    for seq in found[:: max(1, len(found) // 25)]:
        explained = answer("explain", run, seq)
        chain = explained["chain"]
        assert (chain[0]["seq"], chain[-1]["seq"]) == (explained["seq"], explained["root"])
        assert log["cause_seq"][explained["root"]] == -1
        assert log["root_seq"][seq] == explained["root"]


def test_a_decision_is_told_with_its_terms_and_the_best_that_was_left(run):
    log = open_run(run).log.collect()
    chosen = log.filter(type="OptionChosen")["seq"].to_list()
    after = [seq for seq in chosen if log["type"][seq - 1] == "OptionRejected"]
    step = answer("explain", run, after[0])["chain"][0]
    assert step["rejected"][-1]["option"] == log["option"][after[0] - 1]
    text = ask("explain", run, after[0]).stdout
    assert "left: " in text
    assert "No cause before that" in text


def test_a_policy_in_the_way_is_named(run, tmp_path):
    fork = forked(run, tmp_path / "fork", "--at", "2024-08-30", "--policy", "export-controls:from=2024-08-01")
    log = open_run(fork).log.collect()
    refused = log.filter(log["policy"].is_not_null(), type="OptionRejected")
    assert refused.height
    explained = answer("explain", fork, refused["seq"][0])
    assert "export-controls" in explained["chain"][0]["says"]
    later = log.filter((log["org"] == refused["org"][0]) & (log["seq"] > refused["seq"][0]))["seq"][0]
    assert any("export-controls" in step["says"] for step in answer("explain", fork, later)["policies"])
    assert "refused one of the parties" in ask("explain", fork, later).stdout
