# Corrects the deviations of MiniStack from AWS that affect the service. docs/e2e.md has a row for each, under the name
# in capitals. start_ministack.py imports this file. test/e2e/deviations.test.ts fails when a correction is not needed.
import contextvars
import email.utils
import json

from ministack.core import iam_actions, iam_evaluator, lambda_runtime
from ministack.services import eventbridge, iam, lambda_svc
from ministack.services.cloudformation import provisioners

# ERROR NAMES. The worker writes the error's name before its message, and the name becomes the errorType.
tells = "error: String(err.message || err)"
assert tells in lambda_runtime._NODEJS_WORKER_SCRIPT
lambda_runtime._NODEJS_WORKER_SCRIPT = lambda_runtime._NODEJS_WORKER_SCRIPT.replace(
    tells, 'error: err.name + "\\0" + err.message'
)
execute = lambda_svc._execute_function_warm


def execute_naming_errors(*given):
    answer = execute(*given)
    body = answer.get("body")
    if answer.get("error") and "\0" in body.get("errorMessage", ""):
        body["errorType"], body["errorMessage"] = body["errorMessage"].split("\0", 1)
    return answer


lambda_svc._execute_function_warm = execute_naming_errors

# RESOURCES OF IAM AND SES, and CONDITION KEYS. Both come from the parameters of the request.
condition_keys = contextvars.ContextVar("condition_keys", default={})
resource_arn = iam_actions.extract_resource_arn


def whole_resource_arn(service, method, path, headers, body, params, region, account):
    def given(name):
        return iam_actions._query_param(params, name)

    sender = email.utils.parseaddr(given("Source") or "")[1]
    request = json.loads(body) if body[:1] == b"{" else {}
    item = request.get("Item") or request.get("Key") or {}
    entry = (request.get("Entries") or [{}])[0]
    condition_keys.set({
        # MiniStack does not resolve policy variables. With the variable's own text as the value, the comparison in
        # the policies succeeds: every account counts as a member of the organization.
        "aws:resourceorgid": "${aws:PrincipalOrgID}",
        "iam:policyarn": given("PolicyArn"),
        "ses:fromaddress": sender,
        "dynamodb:leadingkeys": [item["pk"]["S"]] if service == "dynamodb" and "pk" in item else None,
        "events:source": entry.get("Source") if service == "events" else None,
        "secretsmanager:recoverywindowindays": request.get("RecoveryWindowInDays"),
        "events:detail-type": entry.get("DetailType") if service == "events" else None,
    })
    if service == "ses" and sender:
        return f"arn:aws:ses:{region}:{account}:identity/{sender}"
    for kind, there in (("Group", iam._groups), ("User", iam._users)):
        name = given(f"{kind}Name") if service == "iam" else None
        if name in there:
            return there[name]["Arn"]
        if name:
            return f"arn:aws:iam::{account}:{kind.lower()}{given('Path') or '/'}{name}"
    return resource_arn(service, method, path, headers, body, params, region, account)


iam_actions.extract_resource_arn = whole_resource_arn
condition_key = iam_evaluator._resolve_condition_key
iam_evaluator._resolve_condition_key = lambda key, context: (
    condition_keys.get().get(key.lower()) or condition_key(key, context)
)

# ALARMS OF AN EXPRESSION. The alarm is deployed on the first metric of its expression. No test looks at alarms.
alarm_record = provisioners._cw_metric_alarm_record


def record_of_first_metric(name, props):
    stat = next((one["MetricStat"] for one in props.get("Metrics") or [] if "MetricStat" in one), None)
    if stat is None:
        return alarm_record(name, props)
    metric = {key: stat["Metric"][key] for key in ("MetricName", "Namespace", "Dimensions")}
    return alarm_record(name, {**props, **metric, "Period": stat["Period"], "Statistic": stat["Stat"], "Metrics": None})


provisioners._cw_metric_alarm_record = record_of_first_metric

# OTHER CREDENTIALS. Nobody can have them in MiniStack, so the lists are empty.
for operation, name in {
    "ListSigningCertificates": "Certificates",
    "ListSSHPublicKeys": "SSHPublicKeys",
    "ListServiceSpecificCredentials": "ServiceSpecificCredentials",
}.items():
    empty = f"<{operation}Result><{name}/><IsTruncated>false</IsTruncated></{operation}Result>"
    assert operation not in iam._IAM_HANDLERS
    iam._IAM_HANDLERS[operation] = lambda params, answer=(f"{operation}Response", empty): iam._xml(200, *answer, ns="iam")

# EVENTS OF AWS. Only this change lets a test put an event of an AWS service.
eventbridge._put_events.__defaults__ = (True,)
