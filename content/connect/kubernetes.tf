# What a cluster needs to send its audit log to Tocsin: the policy and the address for flags of the API server, and a role
# for first looks. Managed control planes take no flags: see docs/guides/connect-kubernetes.md for EKS, GKE and AKS.

terraform {
  required_version = ">= 1.5"
  required_providers {
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = ">= 2.30"
    }
    local = {
      source  = "hashicorp/local"
      version = ">= 2.5"
    }
  }
}

variable "tocsin_url" {
  description = "Address of the feed of kind kubernetes_audit, such as https://tocsin.example.org:8701/kubernetes/audit/production."
  type        = string
}

variable "tocsin_token" {
  description = "Token of that feed."
  type        = string
  sensitive   = true
}

variable "namespace" {
  description = "Namespace of the account that takes first looks."
  type        = string
  default     = "kube-system"
}

resource "kubernetes_service_account_v1" "first_look" {
  metadata {
    name      = "tocsin-first-look"
    namespace = var.namespace
  }
}

resource "kubernetes_cluster_role_v1" "first_look" {
  metadata {
    name = "tocsin-first-look"
  }
  rule {
    api_groups = [""]
    resources  = ["events"]
    verbs      = ["list"]
  }
  rule {
    non_resource_urls = ["/logs/kube-apiserver/audit.log"]
    verbs             = ["get"]
  }
}

resource "kubernetes_cluster_role_binding_v1" "first_look" {
  metadata {
    name = "tocsin-first-look"
  }
  role_ref {
    api_group = "rbac.authorization.k8s.io"
    kind      = "ClusterRole"
    name      = kubernetes_cluster_role_v1.first_look.metadata[0].name
  }
  subject {
    kind      = "ServiceAccount"
    name      = kubernetes_service_account_v1.first_look.metadata[0].name
    namespace = var.namespace
  }
}

# --audit-policy-file
resource "local_file" "policy" {
  filename = "${path.module}/audit/policy.yaml"
  content = yamlencode({
    apiVersion = "audit.k8s.io/v1"
    kind       = "Policy"
    omitStages = ["RequestReceived"]
    rules = [
      { level = "None", nonResourceURLs = ["/healthz*", "/livez*", "/readyz*", "/version", "/openapi/*"] },
      { level = "None", verbs = ["get", "list", "watch", "update", "patch"], resources = [{ group = "coordination.k8s.io", resources = ["leases"] }] },
      { level = "Metadata", resources = [{ group = "", resources = ["secrets", "configmaps", "serviceaccounts/token"] }, { group = "authentication.k8s.io", resources = ["tokenreviews"] }] },
      { level = "Request", resources = [{ group = "", resources = ["pods/exec", "pods/attach", "pods/portforward", "pods/ephemeralcontainers", "services/proxy"] }] },
      { level = "Request", verbs = ["create", "update", "patch", "delete", "deletecollection"] },
      { level = "Metadata" },
    ]
  })
}

# --audit-webhook-config-file
resource "local_sensitive_file" "webhook" {
  filename        = "${path.module}/audit/webhook.yaml"
  file_permission = "0600"
  content = yamlencode({
    apiVersion        = "v1"
    kind              = "Config"
    clusters          = [{ name = "tocsin", cluster = { server = var.tocsin_url } }]
    users             = [{ name = "tocsin", user = { token = var.tocsin_token } }]
    contexts          = [{ name = "tocsin", context = { cluster = "tocsin", user = "tocsin" } }]
    "current-context" = "tocsin"
  })
}
