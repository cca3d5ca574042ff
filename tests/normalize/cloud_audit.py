"""What calls of Google Cloud and Azure are, decided by reading the provider's description of each.

One line a service; `Class: Call=Activity`. A call whose activity OCSF does not name for the class
is Other, and then its own text is the activity's name.
"""

import re

GCP = """
compute         API Activity: v1.compute.instances.insert=Create v1.compute.instances.delete=Delete
compute         API Activity: v1.compute.firewalls.patch=Update v1.compute.firewalls.insert=Create
compute         API Activity: beta.compute.instances.setMetadata=Update
compute         API Activity: v1.compute.instances.aggregatedList=Read
compute         API Activity: v1.compute.instances.start=Update v1.compute.instances.stop=Update
compute         API Activity: v1.compute.instances.getSerialPortOutput=Read
compute         API Activity: v1.compute.images.setIamPolicy=Update
logging         API Activity: google.logging.v2.ConfigServiceV2.DeleteSink=Delete
logging         API Activity: google.logging.v2.ConfigServiceV2.UpdateSink=Update
logging         API Activity: google.logging.v2.LoggingServiceV2.ListLogEntries=Read
secretmanager   API Activity: SecretManagerService.AccessSecretVersion=Read
cloudkms        API Activity: Decrypt=Read DestroyCryptoKeyVersion=Delete
cloudfunctions  API Activity: google.cloud.functions.v1.CloudFunctionsService.UpdateFunction=Update
dns             API Activity: dns.managedZones.delete=Delete dns.managedZones.patch=Update
iap             API Activity: AuthorizeUser=AuthorizeUser
iam             API Activity: google.iam.admin.v1.ListServiceAccountKeys=Read
iam             API Activity: google.iam.admin.v1.GetRole=Read
iam             Account Change: google.iam.admin.v1.CreateServiceAccount=Create
iam             Account Change: google.iam.admin.v1.DeleteServiceAccount=Delete
iam             Account Change: google.iam.admin.v1.DisableServiceAccount=Disable
iam             Account Change: google.iam.admin.v1.EnableServiceAccount=Enable
iam             Account Change: google.iam.admin.v1.CreateServiceAccountKey=CreateServiceAccountKey
iam             Account Change: google.iam.admin.v1.DeleteServiceAccountKey=DeleteServiceAccountKey
iam             Entity Management: google.iam.admin.v1.CreateRole=Create
iam             Entity Management: google.iam.admin.v1.UpdateRole=Update
iam             Entity Management: google.iam.admin.v1.UndeleteRole=Activate
iam             Entity Management: WorkloadIdentityPools.CreateWorkloadIdentityPoolProvider=Create
cloudresourcemanager Entity Management: CreateProject=Create DeleteProject=Delete MoveProject=Move
cloudresourcemanager API Activity: SetIamPolicy=Update GetIamPolicy=Read
orgpolicy       Entity Management: google.cloud.orgpolicy.v2.OrgPolicy.DeletePolicy=Delete
iamcredentials  Authentication: GenerateAccessToken=Authentication_Ticket
iamcredentials  Authentication: SignJwt=Authentication_Ticket
iamcredentials  API Activity: SignBlob=SignBlob
sts             Authentication: google.identity.sts.v1.SecurityTokenService.ExchangeToken=Logon
login           Authentication: google.login.LoginService.loginSuccess=Logon
login           Authentication: google.login.LoginService.loginFailure=Logon
login           Authentication: google.login.LoginService.loginVerification=Preauth
login           Authentication: google.login.LoginService.logout=Logoff
login           Account Change: google.login.LoginService.2svDisable=MFA_Factor_Disable
login           Account Change: google.login.LoginService.passwordEdit=Password_Change
oslogin         Authentication: OsLoginDataPlaneService.CheckPolicy=Logon
storage         API Activity: storage.buckets.list=Read
cloudsql        Datastore Activity: cloudsql.instances.delete=Delete
cloudsql        Datastore Activity: cloudsql.instances.connect=Connect
cloudsql        Datastore Activity: cloudsql.instances.update=Update
cloudsql        Datastore Activity: cloudsql.instances.create=Create
k8s.io          API Activity: io.k8s.core.v1.pods.list=Read io.k8s.core.v1.secrets.get=Read
k8s.io          API Activity: io.k8s.core.v1.pods.exec.create=exec
k8s.io          API Activity: io.k8s.apps.v1.deployments.patch=Update
k8s.io          API Activity: io.k8s.core.v1.pods.deletecollection=Delete
k8s.io          Account Change: io.k8s.core.v1.serviceaccounts.create=Create
k8s.io          Authentication: io.k8s.core.v1.serviceaccounts.token.create=Authentication_Ticket
k8s.io          Entity Management: io.k8s.authorization.rbac.v1.clusterroles.create=Create
k8s.io          Entity Management: io.k8s.authorization.rbac.v1.rolebindings.delete=Delete
"""

AZURE = """
Microsoft.Compute  API Activity: virtualMachines/write=Update virtualMachines/delete=Delete
Microsoft.Compute  API Activity: virtualMachines/start/action=Update
Microsoft.Compute  API Activity: virtualMachines/runCommand/action=runcommand
Microsoft.Compute  API Activity: disks/beginGetAccess/action=begingetaccess
Microsoft.Compute  API Activity: snapshots/read=Read
Microsoft.Storage  API Activity: storageAccounts/listKeys/action=Read
Microsoft.Storage  API Activity: storageAccounts/regenerateKey/action=Update
Microsoft.Storage  API Activity: storageAccounts/write=Update
Microsoft.Storage  Datastore Activity: storageAccounts/blobServices/containers/delete=Delete
Microsoft.Storage  Datastore Activity: storageAccounts/blobServices/containers/write=Update
Microsoft.Sql      Datastore Activity: servers/databases/delete=Delete
Microsoft.Sql      Datastore Activity: servers/databases/export/action=export
Microsoft.Sql      API Activity: servers/firewallRules/write=Update
Microsoft.Network  API Activity: networkSecurityGroups/securityRules/write=Update
Microsoft.Insights API Activity: diagnosticSettings/delete=Delete
Microsoft.KeyVault API Activity: vaults/write=Update vaults/delete=Delete
Microsoft.Portal   API Activity: consoles/write=Update
Microsoft.Authorization Entity Management: roleDefinitions/write=Update locks/delete=Delete
Microsoft.Authorization Entity Management: policyAssignments/delete=Delete
Microsoft.Authorization Entity Management: roleAssignments/delete=Delete
Microsoft.Authorization User Access Management: elevateAccess/action=Assign_Privileges
Microsoft.ManagedIdentity Entity Management: userAssignedIdentities/write=Update
"""

ENTRA = """
Core_Directory     Account Change: Add_user=Create Delete_user=Delete Disable_account=Disable
Core_Directory     Account Change: Enable_account=Enable Update_user=Update_user
Core_Directory     Account Change: Reset_user_password=Password_Reset
Core_Directory     Account Change: Change_user_password=Password_Change
Core_Directory     Account Change: Add_service_principal=Create Remove_service_principal=Delete
Core_Directory     Account Change: Disable_Strong_Authentication=MFA_Factor_Disable
Invited_Users      Account Change: Invite_external_user=Create
Authentication_Methods Account Change: User_registered_security_info=MFA_Factor_Enable
Authentication_Methods Account Change: User_deleted_security_info=MFA_Factor_Disable
Core_Directory     User Access Management: Add_member_to_role=Assign_Privileges
Core_Directory     User Access Management: Remove_member_from_role=Revoke_Privileges
Core_Directory     User Access Management: Add_eligible_member_to_role=Assign_Privileges
Core_Directory     User Access Management: Consent_to_application=Assign_Privileges
Core_Directory     User Access Management: Add_delegated_permission_grant=Assign_Privileges
Core_Directory     User Access Management: Add_app_role_assignment_grant_to_user=Assign_Privileges
Core_Directory     Entity Management: Add_application=Create Delete_application=Delete
Core_Directory     Entity Management: Add_owner_to_application=Update
Core_Directory     Entity Management: Set_federation_settings_on_domain=Update
Core_Directory     Entity Management: Set_Company_Information=Update
Conditional_Access Entity Management: Add_conditional_access_policy=Create
Conditional_Access Entity Management: Delete_conditional_access_policy=Delete
Device_Registration Entity Management: Register_device=Enroll Unregister_device=Unenroll
Access_Reviews     API Activity: Download_users=Read
"""


def calls(text):
    """Return (service, call, class, activity) of each call of such a text."""
    found = []
    for line in text.strip().splitlines():
        service, class_name, pairs = re.match(r"(\S+)\s+([^:]+): (.*)", line).groups()
        for call, activity in (pair.rsplit("=", 1) for pair in pairs.split()):
            found.append((service, call, class_name, activity.replace("_", " ")))
    return found
