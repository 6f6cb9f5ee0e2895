"""A simulated vendor on this machine: HTTP APIs of every provider, with real rendered clips.

server, app, admin             the HTTP server, one mount per provider, and the admin routes
broken_responses               responses that an HTTP server normally cannot send
vendors/                       one module per wire format, written against `context`
context                        the request, the response, and what a vendor module may use
validation/                    request bodies to a `JobRequest`, or to an `ApiError`
model_limits, api_errors       limits per model family; error codes and their HTTP statuses
state, jobs, file_store, request_log, cleanup
                               what is kept on disk under the simulator's root
callbacks, faults, clock       callbacks to the client, fault injection, time
prompt_directives              failures that a prompt requests
footage/                       what a clip shows, and the threads that render it

The simulator is written from the vendors' pages and never imports `tasks.providers`.
"""
