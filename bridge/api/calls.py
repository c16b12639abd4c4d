"""The table of calls: the router, the checks and the description of the API are all made from it."""

from __future__ import annotations

from bridge.api import (
    compare,
    desired,
    events,
    export,
    health,
    hooks,
    incidents,
    intents,
    noise,
    observations,
    openapi,
    parameters,
    state,
)
from bridge.api import examples as shown
from bridge.api.endpoint import Answer, Endpoint
from bridge.api.problems import (
    ANSWER_TOO_LARGE,
    BODY_TOO_LARGE,
    FOREIGN_ORIGIN,
    IN_FLIGHT,
    INVALID_BODY,
    INVALID_HEADER,
    KEY_REUSED,
    MISSING_SCOPE,
    MODEL_NOT_IN_USE,
    NOT_FOUND,
    NOT_GENUINE,
    NOTHING_DECLARED,
    UNAUTHENTICATED,
    UNAVAILABLE,
    UNSUPPORTED_MEDIA_TYPE,
)
from bridge.formats.intent_v1 import IntentBody
from bridge.formats.observation_v1 import ObservationBody
from bridge.formats.plugin_v1 import PluginBody
from bridge.formats.scopes import ScopeVerb

_BODY_PROBLEMS = (INVALID_BODY, INVALID_HEADER, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, KEY_REUSED, UNAVAILABLE)
_LOCATION = {"Location": "Where the intent's story is."}

WRITES = (
    Endpoint(
        method="POST",
        path="/api/v1/intents",
        handler=intents.declare_intent,
        name="declareIntent",
        summary="Declare that a target should run these artifacts.",
        verb=ScopeVerb.INTENTS_WRITE,
        body=IntentBody,
        body_example=shown.INTENT_BODY,
        takes_key=True,
        answers={
            201: Answer("Durably recorded.", shown.INTENT_ANSWER, headers=_LOCATION),
            200: Answer("A repetition: the intent as the log has it.", shown.INTENT_ANSWER, headers=_LOCATION),
        },
        problems=(*_BODY_PROBLEMS, MODEL_NOT_IN_USE, IN_FLIGHT),
    ),
    Endpoint(
        method="POST",
        path="/api/v1/observations",
        handler=observations.report_observation,
        name="reportObservation",
        summary="Report what a target runs.",
        verb=ScopeVerb.OBSERVATIONS_WRITE,
        body=ObservationBody,
        body_example=shown.OBSERVATION_BODY,
        takes_key=True,
        answers={
            201: Answer("News, durably recorded.", shown.OBSERVATION_ANSWER),
            200: Answer("Nothing new: what this observer said last.", shown.OBSERVATION_REPEATED),
        },
        problems=_BODY_PROBLEMS,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/hooks/{name}",
        handler=hooks.take_delivery,
        name="takeDelivery",
        summary="A webhook: a push makes the sources poll now, a report is recorded, a publication or an incident is noted.",
        verb=None,
        answers={
            202: Answer(
                "Taken: the sources that poll now, how many reports were news, and how many notes were taken.",
                shown.DELIVERY_TAKEN,
            ),
            200: Answer("A ping.", shown.PING_TAKEN),
            204: Answer("Genuine, but such events say nothing here.", content_type=None),
        },
        problems=(
            INVALID_BODY,
            NOT_GENUINE,
            UNAUTHENTICATED,
            MISSING_SCOPE,
            FOREIGN_ORIGIN,
            NOT_FOUND,
            BODY_TOO_LARGE,
            UNSUPPORTED_MEDIA_TYPE,
            UNAVAILABLE,
        ),
    ),
)

# For CD systems that poll: what should run by the API model.
_POLL_PROBLEMS = (MODEL_NOT_IN_USE, NOT_FOUND, NOTHING_DECLARED, UNAVAILABLE)
_ETAG = {"ETag": "Changes when, and only when, the body changes."}

POLLS = (
    Endpoint(
        method="GET",
        path="/api/v1/desired",
        handler=desired.tell_desired,
        name="tellDesired",
        summary="What should run by the API model: the standing intents, by environment and service; never empty.",
        verb=ScopeVerb.READ,
        parameters=(parameters.ENVIRONMENT, parameters.SERVICES, parameters.WAIT_FOR_CHANGE),
        answers={
            200: Answer("The standing intents.", shown.DESIRED, headers=_ETAG),
            304: Answer("What If-None-Match names is still desired.", content_type=None, headers=_ETAG),
        },
        problems=_POLL_PROBLEMS,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/getparams.execute",
        handler=desired.give_plugin_parameters,
        name="givePluginParameters",
        summary="The plugin generator of Argo CD's ApplicationSets: one set of parameters for each service.",
        verb=ScopeVerb.READ,
        body=PluginBody,
        body_example=shown.PLUGIN_BODY,
        answers={
            200: Answer("Never empty; every value but the two lists is a string.", shown.PLUGIN_OUTPUT, headers=_ETAG)
        },
        error_member="message",
        problems=(INVALID_BODY, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, *_POLL_PROBLEMS),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/flux/inputs",
        handler=desired.give_flux_inputs,
        name="giveFluxInputs",
        summary="The ExternalService of a Flux Operator ResourceSetInputProvider: one input for each service.",
        verb=ScopeVerb.READ,
        parameters=(parameters.ENVIRONMENT, parameters.SERVICES),
        answers={
            200: Answer("Never empty; every value but the two lists is a string.", shown.FLUX_INPUTS, headers=_ETAG),
            304: Answer("What If-None-Match names is still desired.", content_type=None, headers=_ETAG),
        },
        problems=(*_POLL_PROBLEMS, ANSWER_TOO_LARGE),
    ),
)

READS = (
    Endpoint(
        method="GET",
        path="/api/v1/intents/{id}",
        handler=intents.tell_intent,
        name="tellIntent",
        summary="What became of an intent; with `wait`, as soon as that is final.",
        verb=ScopeVerb.READ,
        parameters=(parameters.WAIT,),
        answers={200: Answer("The intent's state and its events.", shown.INTENT_STORY)},
        problems=(NOT_FOUND, UNAVAILABLE),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/events",
        handler=events.list_events,
        name="listEvents",
        summary="The log in pages; with `Accept: text/event-stream` followed live.",
        verb=ScopeVerb.READ,
        parameters=(parameters.AFTER, parameters.LIMIT, *parameters.EVENT_FILTERS[1:]),
        answers={
            200: Answer(
                "A page; `next` is the cursor for `after`, null when nothing more is there yet.",
                shown.EVENTS_PAGE,
                headers={"Link": 'The next page, `rel="next"`; left out on the last one.'},
            )
        },
        problems=(INVALID_HEADER, UNAVAILABLE),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/state",
        handler=state.tell_state,
        name="tellState",
        summary="What each target ran, and was meant to run, at a time, by what was known at another.",
        verb=ScopeVerb.READ,
        parameters=(parameters.AT, parameters.KNOWN_AT, parameters.SERVICE, parameters.ENVIRONMENT),
        answers={200: Answer("Every target, by environment and service.", shown.STATE)},
        problems=(UNAVAILABLE,),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/compare",
        handler=compare.compare_models,
        name="compareModels",
        summary="The two models side by side; every figure with its definition, count and exclusions.",
        verb=ScopeVerb.READ,
        parameters=(parameters.SINCE, parameters.UNTIL, parameters.SERVICE, parameters.ENVIRONMENT),
        answers={200: Answer("The report.")},
        problems=(UNAVAILABLE,),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/noise",
        handler=noise.tell_noise,
        name="tellNoise",
        summary="Which share of the sources' commits says nothing but which image runs where; with who could write.",
        verb=ScopeVerb.READ,
        parameters=(parameters.FROM_WEEK, parameters.TO_WEEK, parameters.SOURCE),
        answers={200: Answer("The figures of each source and over all, with their definitions.", shown.NOISE)},
        problems=(UNAVAILABLE,),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/incidents",
        handler=incidents.list_incidents,
        name="listIncidents",
        summary="The incidents that alerting reported, newest first: those of which a part lies between `since` and `until`.",
        verb=ScopeVerb.READ,
        parameters=(
            parameters.SINCE,
            parameters.UNTIL,
            parameters.SERVICE,
            parameters.ENVIRONMENT,
            parameters.LIMIT,
        ),
        answers={200: Answer("The incidents; `ended_at` is null while one goes on.", shown.INCIDENTS)},
        problems=(UNAVAILABLE,),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/export",
        handler=export.export_log,
        name="exportLog",
        summary="The log or a part of it, streamed; a transfer that breaks off is not complete.",
        verb=ScopeVerb.READ,
        parameters=(
            parameters.choice("format", tuple(export.FORMATS), "jsonl (one record a line; the default) or csv."),
            *parameters.EVENT_FILTERS,
        ),
        answers={200: Answer("The records, in order.", content_type="application/x-ndjson")},
        problems=(UNAVAILABLE,),
    ),
)

HOUSE = (
    Endpoint(
        method="GET",
        path="/healthz",
        handler=health.answer_alive,
        name="answerAlive",
        summary="Alive: restart the daemon when this does not answer.",
        verb=None,
        answers={200: Answer("Alive.", {"status": "alive"})},
    ),
    Endpoint(
        method="GET",
        path="/readyz",
        handler=health.answer_ready,
        name="answerReady",
        summary="Ready: whether it can do its work, and what stands in the way.",
        verb=None,
        answers={200: Answer("Ready.", {"ready": True}), 503: Answer("Not ready.", {"ready": False})},
    ),
    Endpoint(
        method="GET",
        path="/metrics",
        handler=health.show_metrics,
        name="showMetrics",
        summary="Metrics for Prometheus: OpenMetrics where accepted, else text 0.0.4.",
        verb=ScopeVerb.READ,
        answers={200: Answer("Every metric.", content_type="text/plain")},
    ),
    Endpoint(
        method="GET",
        path="/openapi.json",
        handler=openapi.show_description,
        name="showDescription",
        summary="This description.",
        verb=None,
        answers={200: Answer("OpenAPI 3.1.")},
    ),
    Endpoint(
        method="GET",
        path="/",
        handler=health.show_index,
        name="showIndex",
        summary="A page of links.",
        verb=None,
        answers={200: Answer("The page.", content_type="text/html")},
    ),
)

CALLS = (*WRITES, *POLLS, *READS, *HOUSE)
