# A whole organization: apply it in the management account, or in that of a delegated administrator for CloudTrail and
# CloudFormation. A StackSet gives every account, also those to come, a role for first looks and `tocsin doctor`: it can
# read, and only who shows the external id may assume it.

variable "role_name" {
  description = "Name of the role that the StackSet makes in every account."
  type        = string
  default     = "tocsin-first-look"
}

variable "organizational_units" {
  description = "Units whose accounts get the role; the root for all, such as r-ab12."
  type        = list(string)
}

data "aws_organizations_organization" "here" {}

locals {
  covers_organization = true
  # The folder of this account is used where the trail is made one of this account alone.
  log_folders = [data.aws_caller_identity.here.account_id, data.aws_organizations_organization.here.id]
}

# The role of every account, by a StackSet with service-managed permissions: new accounts get it by themselves. The
# management account itself is never part of a StackSet; give it the role by the same template as a plain stack.
resource "aws_cloudformation_stack_set" "first_look" {
  name             = "tocsin-first-look"
  permission_model = "SERVICE_MANAGED"
  capabilities     = ["CAPABILITY_NAMED_IAM"]
  template_body    = file("${path.module}/first_look_role.json")
  parameters = {
    RoleName   = var.role_name
    Principal  = var.tocsin_principal
    ExternalId = var.external_id
  }
  auto_deployment {
    enabled                          = true
    retain_stacks_on_account_removal = false
  }
  operation_preferences {
    failure_tolerance_percentage = 10
    max_concurrent_percentage    = 50
  }
  lifecycle {
    ignore_changes = [administration_role_arn]
  }
}

resource "aws_cloudformation_stack_set_instance" "first_look" {
  stack_set_name = aws_cloudformation_stack_set.first_look.name
  region         = data.aws_region.here.name
  deployment_targets {
    organizational_unit_ids = var.organizational_units
  }
}
