"""Several drivers on one study: who proposes, who owns which trial, what a dead driver leaves."""
