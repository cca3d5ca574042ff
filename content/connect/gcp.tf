# Audit logs of a Google Cloud organization, streamed to Tocsin by a sink to Pub/Sub.

terraform {
  required_version = ">= 1.5"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 5.30"
    }
  }
}

variable "organization_id" {
  description = "Number of the organization."
  type        = string
}

variable "project_id" {
  description = "Project for topic and subscription, apart from those that it watches."
  type        = string
}

variable "tocsin_member" {
  description = "Who Tocsin runs as, such as serviceAccount:tocsin@example.iam.gserviceaccount.com or a principal of a workload identity pool."
  type        = string
}

variable "data_access_services" {
  description = "Services whose data access is logged too; it costs by volume, so name those that hold data."
  type        = list(string)
  default     = ["storage.googleapis.com", "secretmanager.googleapis.com", "iam.googleapis.com"]
}

resource "google_pubsub_topic" "audit" {
  project                    = var.project_id
  name                       = "tocsin-audit"
  message_retention_duration = "604800s"
}

resource "google_pubsub_topic" "dead" {
  project = var.project_id
  name    = "tocsin-audit-dead"
}

resource "google_pubsub_subscription" "dead" {
  project                    = var.project_id
  name                       = "tocsin-audit-dead"
  topic                      = google_pubsub_topic.dead.id
  message_retention_duration = "604800s"
  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_subscription" "audit" {
  project                    = var.project_id
  name                       = "tocsin-audit"
  topic                      = google_pubsub_topic.audit.id
  ack_deadline_seconds       = 60
  message_retention_duration = "604800s"
  expiration_policy {
    ttl = ""
  }
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead.id
    max_delivery_attempts = 10
  }
}

data "google_project" "here" {
  project_id = var.project_id
}

locals {
  pubsub_agent = "serviceAccount:service-${data.google_project.here.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_pubsub_topic_iam_member" "dead_letters" {
  project = var.project_id
  topic   = google_pubsub_topic.dead.name
  role    = "roles/pubsub.publisher"
  member  = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "dead_letters" {
  project      = var.project_id
  subscription = google_pubsub_subscription.audit.name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}

resource "google_logging_organization_sink" "audit" {
  name             = "tocsin-audit"
  org_id           = var.organization_id
  include_children = true
  destination      = "pubsub.googleapis.com/${google_pubsub_topic.audit.id}"
  filter           = "log_id(\"cloudaudit.googleapis.com/activity\") OR log_id(\"cloudaudit.googleapis.com/data_access\") OR log_id(\"cloudaudit.googleapis.com/system_event\") OR log_id(\"cloudaudit.googleapis.com/policy\")"
}

resource "google_pubsub_topic_iam_member" "sink_writes" {
  project = var.project_id
  topic   = google_pubsub_topic.audit.name
  role    = "roles/pubsub.publisher"
  member  = google_logging_organization_sink.audit.writer_identity
}

resource "google_organization_iam_audit_config" "data_access" {
  for_each = toset(var.data_access_services)
  org_id   = var.organization_id
  service  = each.key
  audit_log_config {
    log_type = "ADMIN_READ"
  }
  audit_log_config {
    log_type = "DATA_READ"
  }
  audit_log_config {
    log_type = "DATA_WRITE"
  }
}

# All that Tocsin may do: take messages of this one subscription.
resource "google_pubsub_subscription_iam_member" "tocsin" {
  project      = var.project_id
  subscription = google_pubsub_subscription.audit.name
  role         = "roles/pubsub.subscriber"
  member       = var.tocsin_member
}

output "subscription" {
  description = "The subscription for the feed of kind pubsub."
  value       = google_pubsub_subscription.audit.id
}
