{{/*
What the operator's account may do, in any namespace it watches. The API container shares the account: it
sits in the same pod. Every verb says what needs it; a verb that nothing needs is a hole.
*/}}
{{- define "mljob.rules.namespaced" -}}
- apiGroups: [mljob.dev]
  resources: [mljobs]
  verbs:
    - get # read one again after a conflict; GET over REST
    - list # the barrier before the first admission; the comparison after a lost watch
    - watch # learn of submissions, edits and deletions
    - create # POST over REST
    - patch # take the finalizer off a recorded one; cancel over REST
    - delete # remove finished ones after their TTL; take back a submission that could not be stored
- apiGroups: [mljob.dev]
  resources: [mljobs/status]
  verbs:
    - patch # the phase and its reason
- apiGroups: [mljob.dev]
  resources: [mljobs/finalizers]
  verbs:
    - update # own the Jobs: an owner that blocks deletion needs it where OwnerReferencesPermissionEnforcement is on
- apiGroups: [mljob.dev]
  resources: [mljobdefinitions]
  verbs:
    - list # know all definitions before the first admission
    - watch # learn of changes
- apiGroups: [mljob.dev]
  resources: [mljobdefinitions/status]
  verbs:
    - patch # whether it is accepted, and why not
- apiGroups: [batch]
  resources: [jobs]
  verbs:
    - get # an attempt whose Job exists already: is it ours
    - list # the attempts that hold slots
    - watch # learn of their end
    - create # start an attempt; try a definition's template by a dry run
    - patch # stop an attempt: spec.activeDeadlineSeconds 0
- apiGroups: [""]
  resources: [pods]
  verbs:
    - list # the pods that hold slots
    - watch # learn when the container starts, how it ends
    - create # dry runs alone: the Job's own dry run does not check its pod against Pod Security
    - patch # lower spec.activeDeadlineSeconds of a container that has no runner
- apiGroups: [""]
  resources: [pods/log]
  verbs:
    - get # logs over REST
- apiGroups: [""]
  resources: [configmaps]
  verbs:
    - get # verify the bytes of one that exists under the name of its hash
    - create # the runner and a definition's source, once per hash
    - list # find sources that no unfinished job uses
    - delete # remove those
- apiGroups: [""]
  resources: [events]
  verbs:
    - create # refused, retried, failed, timed out, cannot start
    - patch # count a repeated one instead of adding another
    - list # why a Job has no pod, or a pod does not start: quota and Pod Security say it nowhere else
{{- end -}}

{{/* What exists once per cluster; with watchNamespaces each Role names its own namespace instead. */}}
{{- define "mljob.rules.cluster" -}}
- apiGroups: [""]
  resources: [namespaces]
  verbs:
    - get # the uid of kube-system is the cluster's id in SQL; a namespace's own limit is its annotation
{{- end -}}

{{/* Of the uninstall hook alone. */}}
{{- define "mljob.uninstallRules" -}}
- apiGroups: [mljob.dev]
  resources: [mljobs]
  verbs:
    - list # find those that carry the finalizer
    - get # read one again that changed meanwhile
    - patch # take it off
{{- end -}}
