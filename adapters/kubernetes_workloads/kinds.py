"""The kinds of workloads."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """The kinds of workloads; the values are the resources in the API and in a role."""

    DEPLOYMENT = "deployments"
    STATEFUL_SET = "statefulsets"
    DAEMON_SET = "daemonsets"
    CRON_JOB = "cronjobs"
    JOB = "jobs"


NAMES = {
    Kind.DEPLOYMENT: "Deployment",
    Kind.STATEFUL_SET: "StatefulSet",
    Kind.DAEMON_SET: "DaemonSet",
    Kind.CRON_JOB: "CronJob",
    Kind.JOB: "Job",
}
PATHS = {
    Kind.DEPLOYMENT: "/apis/apps/v1",
    Kind.STATEFUL_SET: "/apis/apps/v1",
    Kind.DAEMON_SET: "/apis/apps/v1",
    Kind.CRON_JOB: "/apis/batch/v1",
    Kind.JOB: "/apis/batch/v1",
}
