"""What is desired follows the log, event by event, exactly as the fleet has it."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from bridge.domain.desired import Desired
from bridge.domain.fleet import Fleet
from bridge.domain.names import Model
from bridge.formats.desired_v1 import encode_desired, encode_flux_inputs, encode_plugin_output
from tests.support.scripts import Script, play, scripts

many = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@many
@given(scripts())
def test_following_the_log_and_reading_the_fleet_give_the_same_bytes(script: Script) -> None:
    fleet, followed = Fleet(), Desired()
    for said in script:
        followed.follow(play(fleet, [said]))
        read = Desired(fleet.standing_intents(Model.API))
        assert set(followed.environments) == set(read.environments)
        for environment in (None, *read.environments):
            assert encode_desired(followed.intents(environment)) == encode_desired(read.intents(environment))
            unnoticed = {intent.intent_id for intent in read.unnoticed(environment)}
            assert {intent.intent_id for intent in followed.unnoticed(environment)} == unnoticed


@many
@given(scripts())
def test_an_answer_changes_only_with_its_environment_and_then_its_change_is_told(script: Script) -> None:
    fleet, desired = Fleet(), Desired()
    before: dict[str, bytes] = {}
    for said in script:
        changed = desired.follow(play(fleet, [said]))
        after = {each: encode_desired(desired.intents(each)) for each in desired.environments}
        assert {each for each in after if after[each] != before.get(each)} <= changed
        before = after


@many
@given(scripts())
def test_every_poller_is_told_of_the_same_intents_in_the_same_order(script: Script) -> None:
    fleet = Fleet()
    play(fleet, script)
    intents = Desired(fleet.standing_intents(Model.API)).intents("production")
    assert [each.target.service for each in intents] == sorted({each.target.service for each in intents})
    for encode in (encode_desired, encode_plugin_output, encode_flux_inputs):
        body = encode(intents).decode()
        places = [body.index(each.intent_id) for each in intents]
        assert places == sorted(places)
