{{- define "mljob.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 50 characters, so that a suffix of 12 still fits into a label. */}}
{{- define "mljob.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "mljob.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "mljob.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "mljob.selectorLabels" -}}
app.kubernetes.io/name: {{ include "mljob.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{/* Of every object but the pods' selectors. */}}
{{- define "mljob.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "mljob.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "mljob.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "mljob.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "mljob.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name: empty; name the account to use, because serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The account as the API server knows it: policies compare it with request.userInfo.username. */}}
{{- define "mljob.username" -}}
{{- printf "system:serviceaccount:%s:%s" .Release.Namespace (include "mljob.serviceAccountName" .) -}}
{{- end -}}

{{- define "mljob.apiDefaultNamespace" -}}
{{- $first := first .Values.watchNamespaces | default "default" -}}
{{- $chosen := default $first .Values.api.defaultNamespace -}}
{{- if and .Values.watchNamespaces (not (has $chosen .Values.watchNamespaces)) -}}
{{- fail (printf "api.defaultNamespace: %q is not one of watchNamespaces %v; a job submitted there would wait for ever" $chosen .Values.watchNamespaces) -}}
{{- end -}}
{{- $chosen -}}
{{- end -}}

{{/* Pod Security "restricted". fsGroup lets uid 65532 write to the claim. */}}
{{- define "mljob.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "mljob.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* What the operator reads at its start: `jobs`, key by key as its model names them. */}}
{{- define "mljob.config" -}}
{{- $jobs := .Values.jobs -}}
{{- if not (hasKey $jobs.pythonImages $jobs.defaultPythonVersion) -}}
{{- fail (printf "jobs.defaultPythonVersion: %q is not a key of jobs.pythonImages: %s" $jobs.defaultPythonVersion (keys $jobs.pythonImages | sortAlpha | join ", ")) -}}
{{- end -}}
{{- if gt (int $jobs.retry.baseDelaySeconds) (int $jobs.retry.maxDelaySeconds) -}}
{{- fail (printf "jobs.retry.baseDelaySeconds: %v is more than jobs.retry.maxDelaySeconds: %v" $jobs.retry.baseDelaySeconds $jobs.retry.maxDelaySeconds) -}}
{{- end -}}
{{- /* Helm drops keys that are set to null; the operator has to read the null. */}}
{{- $security := dict }}
{{- range $id := list "runAsUser" "runAsGroup" "fsGroup" }}
{{- $_ := set $security $id (get (default dict $jobs.security) $id | default nil) }}
{{- end }}
{{- toYaml (set (deepCopy $jobs) "security" $security) }}
{{- if .Values.api.enabled }}
apiUrl: {{ include "mljob.apiUrl" . }}
{{- end }}
{{- end -}}

{{- define "mljob.apiUrl" -}}
{{- printf "http://%s.%s.svc:%v" (include "mljob.fullname" .) .Release.Namespace .Values.service.port -}}
{{- end -}}

{{/* Environment of both containers. */}}
{{- define "mljob.commonEnv" -}}
- name: MLJOB_DATABASE_URL
  value: sqlite:////var/lib/mljob/mljob.db
- name: MLJOB_WATCH_NAMESPACES
  value: {{ join "," .Values.watchNamespaces | quote }}
{{- with .Values.clusterId }}
- name: MLJOB_CLUSTER_ID
  value: {{ . | quote }}
{{- end }}
- name: MLJOB_LOG_FORMAT
  value: {{ .Values.operator.logFormat }}
- name: MLJOB_LOG_LEVEL
  value: {{ .Values.operator.logLevel }}
{{- end -}}

{{- define "mljob.uninstallHook" -}}
helm.sh/hook: post-delete
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}
