# ruff: noqa: E501 - the rows of a table are as long as they are
"""Makes `docs/http.md` from the table of routes, which also makes the OpenAPI description."""

from __future__ import annotations

from bridge.web.routes import COMPANION, ROUTES

_TEXT = """\
# HTTP: every endpoint and every response

This page describes the HTTP interface; `GET /openapi.json` gives the same description to programs.

Every response has a `request_id`, in the body and in the header `X-Request-Id`. Send your own
`X-Request-Id` (8 to 64 letters, digits, `_`, `.`, `-`) and it is used, stored and logged.

## Endpoints

{endpoints}

*Admin* endpoints require `Authorization: Bearer <admin token>` or `X-Admin-Token: <admin token>`; the token is
the setting `keys.admin`. Without that setting they answer 401 to everybody, except in a demo: there the
dry runs and `/validate` are open, and `/api` is open to the machine the bridge runs on.

## What `POST /hooks/<mapping>` answers

A 200 means that the webhook is on disk. It is the only success there is: some senders count only 200, and
some switch a webhook off at the first 404 or 410.

| what happened | status | body |
|---|---|---|
| stored, will be delivered | 200 | `status: "queued"` and the events |
| the same webhook again | 200 | `status: "duplicate"` and the events it already became |
| the mapping's `when` did not hold, or `otherwise: skip` | 200 | `status: "skipped"`, `reasons` |
| consent was denied | 200 | `status: "suppressed"`, `reasons` |
| problems, and the sender cannot fix them (`on_problem: hold`) | 200 | `status: "held"`, `findings`; kept for repair |
| problems, and the sender can (`on_problem: answer`) | 422 | the error shape, one detail per finding; kept for repair too |
| it asks to erase a person (`erase` in the mapping) | 200 | `status: "erasing"`, `erasure`: the id of the job and of its receipt |
| `?wait=true`, Meta accepted | 200 | `status: "sent"`, `events_received`, `fbtrace_id` |
| `?wait=true`, Meta rejected | 502 | Meta's code and subcode, and what to do |
| `?wait=true`, Meta could not be reached | 200 | `status: "queued"`: it is tried again |
| the body cannot be read | 400 | line and column of the mistake, and the likely cause |
| wrong signature or token | 401 | no detail; the reason is in the log |
| no such mapping | 404 | |
| no such mapping, and its name is open for [capture](console.md#capture-mode) | 200 | `status: "captured"` |
| too large, too deep, too many fields | 413 | |
| a content type the mapping does not take | 415 | |
| over a rate limit | 429 | with `Retry-After` |
| it cannot be stored, the queue or the disk is full, the mapping never loaded, a fault of ours | 503 | with `Retry-After`; send it again |

One webhook may become several events. The status is the most advanced one of them: one waiting event makes it
`queued`, even when another was skipped. With `on_problem: answer` one held event makes it a 422.

`GET /hooks/<mapping>` answers the challenge of senders that ask for one. Where the mapping declares none it
answers 200, because some senders check a URL before they use it. A GET with data in its query is a webhook where
the mapping says `receive: {{methods: [get]}}`; elsewhere it is answered 405, and nothing is stored.

`?test_event_code=TEST123`, or the header `X-Test-Event-Code`, sends this one webhook as a test. Only a sender
who proved who it is may ask: by the mapping's `verify`, or with the admin token. Anyone else gets 401. With
`profile: live` it is refused (400). **Meta does not discard test events.**

A mapping with `sent_by: browser` answers preflight requests, and the pages of its `origins` may read its answers
(`Access-Control-Allow-Origin`, with credentials). Webhooks of other pages are stored as well, but no page of theirs may read
the answer. `navigator.sendBeacon` works.

## Errors

One shape everywhere, except on the drop-in endpoint:

```json
{{"error": {{"code": "unreadable_body", "message": "…", "details": [
   {{"code": "…", "path": "$.user_data", "message": "…", "fix": "…", "where": "mappings/lead.yaml:7:3"}}]}},
 "request_id": "…"}}
```

`code` is stable; the words may change. No error holds a value that a person sent, nor a secret.

## Dry runs

`POST /dry-run/<mapping>` takes the same body, headers and query as the real endpoint, and shows what would be
sent: `events` (each exactly one element of Meta's `data`), `findings`, `skipped`, `held`, `suppressed`,
`explain` (where each value came from, persons masked), `empty` (each mapped field that was not found, with the field of
the webhook that was probably meant), `unused` (the fields that nothing read), `request` (the whole body) and `sent_to`. Nothing is
stored or sent. It requires what the real endpoint requires, or the admin token; the admin may add `?reveal=true`.

`POST /dry-run` tries a mapping that is only text so far:
`{{"mapping": "version: 1\\n…", "payload": {{…}}, "headers": {{…}}, "query": {{…}}, "now": "2026-11-21T12:00:00Z"}}`.
Its `${{NAME}}` never see the real environment.

`POST /validate` judges a finished body (`{{"data": […]}}`) and answers `{{"findings": […]}}`.

## Jobs: many events, and files

What may take long is done by the delivery process (`serve`, or `worker` on another machine), one job after the
other. The endpoint that starts a job answers 202 with the job, and `Location` leads to it:

```
curl https://bridge.example/api/jobs -H 'Authorization: Bearer <admin token>' \\
  -d '{{"kind": "replay", "status": "held", "mapping": "lead"}}'
```

| job | takes | does |
|---|---|---|
| `{{"kind": "replay"}}` | filters, `per_second`, `fetch_again` | sends events again, held ones mapped anew; oldest first |
| `{{"kind": "discard"}}` | filters, `because` | gives events up; what was sent, or is being sent, is left alone |
| `{{"kind": "export"}}` | filters, `format` (`jsonl`, `csv`), `bodies` | writes up to 100,000 events, newest first |
| `{{"kind": "compare"}}` | `mapping`, `text` (of the changed file), `limit` | tries up to 10,000 stored webhooks with both, and writes a line for each that would change |
| `{{"kind": "erase"}}` | a person: `email`, `phone`, `external_id`, `order_id` (texts or lists), `country` of the phone; `destination`, `never_send` | erases one person, and keeps a receipt |
| `POST /api/import/<mapping>` | the file as the body (up to 16 MiB); `?format=` `csv`, `tsv`, `jsonl`, `xlsx`; `?encoding=`, `?file_name=`, `?per_second=`, `?dry_run=true` | maps each row as if it had been posted, and writes a line for each that is held or cannot be read, under its line in the file |

The filters are those of `GET /api/events`, and `ids`. `by: event` makes `since` and `until` mean the time of the event.
Replay and discard require one of them. `POST /api/export` starts an export, `POST /api/erase` an erasure; with `dry_run: true`
the latter only counts. `POST /api/replay` with a
`limit` of more than 1,000, or with `per_second`, starts a job too.

`GET /api/jobs/<id>` shows the `state` (`queued`, `running`, `done`, `failed`, `cancelled`), how many rows are `done` of
the `total`, what they became (`counts`), and in `message` why a job waits or failed. When it is finished and `has_result`
is true, `GET /api/jobs/<id>/result` answers with the lines, about 1 MiB at a time; the header `Link` (`rel="next"`) leads
to the next part. Before that the answer is 409; of a job that failed or was cancelled it is what was written until then.
`POST /api/jobs/<id>/cancel` ends a job; the rows that were done stay done.

Each step of a job is committed together with its progress. A process that is killed in mid-job loses nothing and does
no row twice: the next one goes on, after 10 seconds at the latest. At most 50 jobs wait at once (429 beyond). A file that
was handed in is kept encrypted until its job ends; jobs and their results are deleted after `retention.raw_webhooks`.

## One person

`POST /api/events/search` lists the events of one person: `{{"email": "jane@example.com"}}`, or `phone` (with its country
code, or `country` beside it), `external_id`, `order_id`, and the filters of `GET /api/events`. A person is named in the body
alone, because URLs are kept in logs.

`POST /api/erase` takes the same identifiers and starts a job; see [erasing a person](operating.md#fixing-and-replaying). `GET /api/erasures` lists
the receipts (`erasures`) and the jobs that are not finished, or could not be (`unfinished`). Neither names anybody.

## Pauses

`GET /api/pauses` lists what is paused, by the bridge or by a person. `POST /api/pauses` pauses a destination:
`{{"destination": "main", "for": "2h", "because": "a new token comes"}}`; `for` is an hour when it is left out, and at most 7 days.
Its events wait. `POST /api/pauses/resume` with `{{"destination": "main"}}` ends any pause of a destination, with `{{"source": "crm"}}` that of a source. `GET /api/status` shows
the same as `capi-bridge status --json`.

## The drop-in for Meta's own endpoint

`POST /<version>/<dataset id>/events` takes what one would send to `graph.facebook.com`, so that an HTTP module or
an SDK changes its host and nothing else:

```
curl https://bridge.example/v27.0/1234567890123456/events \\
  -H 'Authorization: Bearer <the dataset token>' -H 'Content-Type: application/json' \\
  -d '{{"data": [{{"event_name": "Lead", "event_time": 1795262400, "action_source": "website",
       "event_source_url": "https://example.com/", "user_data": {{"em": "Jane@Example.com"}}}}]}}'
```

- `data` is a list, or that list as JSON text; the body is JSON or a form. Up to 1,000 events and 200,000 values.
- User data may be raw: it is cleaned and hashed. What is hashed already stays as it is.
- The token is in the query, the body or the header, and must be the one of a destination with that
  dataset id (or the admin's).
- All events are taken, or none. An event that Meta would reject is rejected at once, with Meta's code and subcode, and a
  sentence that says what to do. A known word in the wrong place is answered with the right one.
- `messages` names what was left out or put right, and the events it is about: a value that could not be used, a key
  that Meta does not know, `email` read as `em`, a time in milliseconds. `namespace_id` and `upload_*` are
  not passed on, because the bridge sends batches of its own, and `partner_agent` is that of the destination
  (`destinations.<name>.partner_agent`); the messages say so.
- `events_received` means that they are on disk. `?wait=true` waits for Meta.
- The same call again is received once, and so is the same event in another call. An event without `event_id` is recognized
  by its content. The id that the bridge makes for it is sent, but not for a website event with `fbp` or `external_id`: there Meta
  may match it with the pixel's event by the person, which an id that only the server knows would prevent.

`POST /capi/<dataset id>/events` takes the same events as Meta's Java and PHP SDKs post them to a Conversions API Gateway
(`CAPIGatewayIngressRequest`): the token is `accessKey` in the body, and success is 202.

Meta's Python and Node SDKs work unchanged; tests hold that.
"""


def page() -> str:
    """Return the page about HTTP."""
    head = ["| method and path | does | for |", "|---|---|---|"]
    rows = [
        f"| `{route.method} {route.path}` | {route.summary} | {'admin' if route.access else ''} |"
        for route in (*ROUTES, *COMPANION)
        if route.summary
    ]
    return _TEXT.format(endpoints="\n".join(head + rows))
