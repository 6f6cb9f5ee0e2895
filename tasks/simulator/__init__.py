"""Their end of the wire: a vendor on this machine that renders real moving pictures.

server, app, connection    HTTP on loopback: a row per provider, the files, the admin route
vendors/                   one file per wire format, written against `desk`
desk                       what a vendor's file sees: calls, answers, and its counter
bodies, checks, fields, content, flags, inputs, families, sizes, refusals
                           what the vendors take, and what they refuse
prompt_directives          failures that a prompt orders
house, jobs, files, callbacks, clock, ledger, faults, sweeping
                           what happens to what they took
commission                 the one form between the two
footage/                   how it looks and sounds
"""
