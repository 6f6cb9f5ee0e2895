"""One shot from receipt to job to clip: submit, reconcile, await, download, cancel."""
