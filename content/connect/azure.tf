# Activity logs of subscriptions, and Entra logs of the tenant, streamed to Tocsin by an Event Hub.

terraform {
  required_version = ">= 1.5"
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 4.0"
    }
  }
}

provider "azurerm" {
  features {}
  subscription_id = var.home_subscription_id
}

variable "home_subscription_id" {
  description = "The subscription that holds the Event Hub."
  type        = string
}

variable "subscription_ids" {
  description = "The subscriptions whose activity log is streamed."
  type        = set(string)
}

variable "location" {
  description = "Region of the Event Hub."
  type        = string
  default     = "westeurope"
}

variable "tocsin_principal_id" {
  description = "Object id of the managed identity or application that Tocsin runs as."
  type        = string
}

variable "namespace_name" {
  description = "Name of the Event Hubs namespace; must be free in all of Azure."
  type        = string
}

variable "entra_categories" {
  description = "Logs of Entra; sign-ins need a P1 license and come by the thousand. Empty for none."
  type        = set(string)
  default     = ["AuditLogs", "SignInLogs", "NonInteractiveUserSignInLogs", "ServicePrincipalSignInLogs", "ManagedIdentitySignInLogs"]
}

resource "azurerm_resource_group" "tocsin" {
  name     = "tocsin-logs"
  location = var.location
}

resource "azurerm_eventhub_namespace" "tocsin" {
  name                = var.namespace_name
  location            = azurerm_resource_group.tocsin.location
  resource_group_name = azurerm_resource_group.tocsin.name
  sku                 = "Standard"
  capacity            = 1
  minimum_tls_version = "1.2"
}

resource "azurerm_eventhub" "logs" {
  for_each          = toset(["activity", "entra"])
  name              = each.key
  namespace_id      = azurerm_eventhub_namespace.tocsin.id
  partition_count   = 4
  message_retention = 7
}

# Diagnostic settings know only rules with keys. This one may send and nothing else; Tocsin never sees it.
resource "azurerm_eventhub_namespace_authorization_rule" "send" {
  name                = "diagnostics-send"
  namespace_name      = azurerm_eventhub_namespace.tocsin.name
  resource_group_name = azurerm_resource_group.tocsin.name
  listen              = false
  send                = true
  manage              = false
}

resource "azurerm_monitor_diagnostic_setting" "activity" {
  for_each                       = var.subscription_ids
  name                           = "tocsin"
  target_resource_id             = "/subscriptions/${each.key}"
  eventhub_name                  = azurerm_eventhub.logs["activity"].name
  eventhub_authorization_rule_id = azurerm_eventhub_namespace_authorization_rule.send.id
  enabled_log {
    category = "Administrative"
  }
  enabled_log {
    category = "Security"
  }
  enabled_log {
    category = "Alert"
  }
  enabled_log {
    category = "Policy"
  }
}

resource "azurerm_monitor_aad_diagnostic_setting" "entra" {
  count                          = length(var.entra_categories) > 0 ? 1 : 0
  name                           = "tocsin"
  eventhub_name                  = azurerm_eventhub.logs["entra"].name
  eventhub_authorization_rule_id = azurerm_eventhub_namespace_authorization_rule.send.id
  dynamic "enabled_log" {
    for_each = var.entra_categories
    content {
      category = enabled_log.value
      retention_policy {}
    }
  }
}

# All that Tocsin may do: receive from these two hubs.
resource "azurerm_role_assignment" "receive" {
  for_each             = azurerm_eventhub.logs
  scope                = each.value.id
  role_definition_name = "Azure Event Hubs Data Receiver"
  principal_id         = var.tocsin_principal_id
}

output "namespace" {
  description = "The Kafka endpoint for the feeds of kind event_hubs."
  value       = "${azurerm_eventhub_namespace.tocsin.name}.servicebus.windows.net:9093"
}
