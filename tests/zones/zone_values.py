"""Example values of Kong Mesh's release chart for a zone on EKS, and the reader of a file of variables."""

from __future__ import annotations

REALISTIC = """\
# Kong Mesh, zone Frankfurt. Rendered values are below kuma.controlPlane.
global:
  image: {registry: registry.brookline.example/kong}
  imagePullSecrets: [registry-pull]
  ratelimit:
    serverTls: {enabled: true}

kuma:
  nameOverride: kong-mesh
  global:
    image:
      registry: docker.io/kong
  controlPlane:
    mode: zone
    zone: zone-1
    replicas: 2
    autoscaling:
      enabled: true
      minReplicas: 2
      metrics:
        - type: Resource
          resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}
    podAnnotations:
      prometheus.io/scrape: "true"
      eks.amazonaws.com/skip-containers: istio-proxy
    deploymentAnnotations: {reloader.stakater.com/auto: "true"}
    serviceAccountAnnotations:
      eks.amazonaws.com/sts-regional-endpoints: "true"
    service:
      annotations:
        service.beta.kubernetes.io/aws-load-balancer-type: nlb
    envVars:
      AWS_DEFAULT_REGION: eu-central-1
      AWS_STS_REGIONAL_ENDPOINTS: regional
      AWS_ENDPOINT_URL_ACM_PCA: https://vpce-0a1b-x.acm-pca.eu-central-1.vpce.amazonaws.com
      AWS_ENDPOINT_URL_S3: https://minio.brookline.example
      AWS_MAX_ATTEMPTS: 5
      AWS_SESSION_TOKEN: ""
      AWS_ACCESS_KEY_ID:
      HTTPS_PROXY: http://proxy.brookline.example:3128
      NO_PROXY: 169.254.170.23,169.254.169.254,.svc,.eu-central-1.eks.amazonaws.com
      KUMA_API_SERVER_HTTP_ENABLED: "false"
      KUMA_MULTIZONE_GLOBAL_KDS_AUTH_TYPE: zoneToken
    envVarEntries:
      - name: NODE
        valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
      - name: AWS_REGION
        valueFrom: {configMapKeyRef: {name: cluster, key: region}}
    secrets:
      - {Secret: kong-mesh-license, Key: license.json, Env: KMESH_LICENSE_INLINE}
      - {Secret: kong-mesh-token, Key: token, Env: KUMA_MULTIZONE_ZONE_KDS_AUTH_TOKEN_INLINE}
    extraConfigMaps:
      - name: notes
        mountPath: /etc/notes
        values:
          sample.yaml: |
            apiVersion: v1
            kind: ServiceAccount
            metadata: {annotations: {eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/other}}
    affinity:
      podAntiAffinity:
        preferredDuringSchedulingIgnoredDuringExecution: []
    webhooks:
      validator:
        additionalRules: |
          - apiGroups: [kuma.io]
            apiVersions: [v1alpha1]
  cni: {enabled: true, chained: true, netDir: /etc/cni/net.d, binDir: /opt/cni/bin}
  ingress:
    enabled: true
    serviceAccountAnnotations:
      eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/ingress-logs
  egress: {enabled: true}
  dataPlane: {features: {unifiedResourceNaming: true}}
  plugins: {policies: {meshopas: true}}
  experimental: {sidecarContainers: true}
ratelimit:
  enabled: true
  secrets:
    - {Secret: ratelimit-redis-auth, Key: redis-pass, Env: REDIS_AUTH}
# Keys that other tools keep beside the chart's own.
kind: zone
releases: [stable]
type: eks
"""


def read_environment(text: str) -> dict[str, str]:
    """The variables of a file, as ``docker run --env-file`` reads it (docker/cli:opts/file.go)."""
    pairs = [line.split("=", 1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)
