# One account: apply it with the account's own credentials.

locals {
  covers_organization = false
  log_folders         = [data.aws_caller_identity.here.account_id]
}
