"""What each recorded call is, decided by reading the provider's description of the call.

One line a service; `Class: Call=Activity`. A call whose activity OCSF does
One line a service; `Class: not name for the class is
Other, and then its text is the activity's name.
"""

import re

CLOUDTRAIL = """
apigateway      API Activity: TagResource=Update
bedrock         API Activity: CreateFoundationModelAgreement=Create
bedrock         API Activity: GetFoundationModelAvailability=Read
bedrock         API Activity: InvokeModel=Other ListFoundationModelAgreementOffers=Read
bedrock         API Activity: PutFoundationModelEntitlement=Update PutUseCaseForModelAccess=Update
cloudfront      API Activity: CreateDistribution=Create TagResource=Update UpdateDistribution=Update
cloudtrail      API Activity: DeleteTrail=Delete PutEventSelectors=Update StopLogging=Update
compute-optimizer API Activity: GetEnrollmentStatus=Read
ec2-instance-connect API Activity: SendSSHPublicKey=Other SendSerialConsoleSSHPublicKey=Other
ec2             API Activity: AuthorizeSecurityGroupIngress=Update DeleteFlowLogs=Delete
ec2             API Activity: DeleteTransitGatewayVpcAttachment=Delete
ec2             API Activity: DescribeAccountAttributes=Read
ec2             API Activity: DescribeAddresses=Read DescribeAvailabilityZones=Read
ec2             API Activity: DescribeClassicLinkInstances=Read DescribeHosts=Read
ec2             API Activity: DescribeInstanceAttribute=Read
ec2             API Activity: DescribeInstanceCreditSpecifications=Read
ec2             API Activity: DescribeInstanceStatus=Read DescribeInstanceTypes=Read
ec2             API Activity: DescribeInstances=Read DescribeKeyPairs=Read
ec2             API Activity: DescribeLaunchTemplates=Read
ec2             API Activity: DescribePlacementGroups=Read DescribeSecurityGroups=Read
ec2             API Activity: DescribeSnapshots=Read DescribeTags=Read DescribeVolumeStatus=Read
ec2             API Activity: DescribeVolumes=Read DescribeVolumesModifications=Read
ec2             API Activity: EnableSerialConsoleAccess=Update GetPasswordData=Read
ec2             API Activity: ModifyInstanceAttribute=Update RunInstances=Create
ec2             API Activity: StartInstances=Update StopInstances=Update
ec2             User Access Management: ModifyImageAttribute=Assign_Privileges
ec2             User Access Management: ModifySnapshotAttribute=Assign_Privileges
elasticloadbalancing API Activity: AddTags=Update DescribeLoadBalancers=Read
glue            API Activity: PutDataCatalogEncryptionSettings=Update PutResourcePolicy=Update
iam             Account Change: AttachRolePolicy=Attach_Policy AttachUserPolicy=Attach_Policy
iam             Account Change: CreateAccessKey=CreateAccessKey CreateLoginProfile=Enable
iam             Account Change: CreateUser=Create
iam             Account Change: DeleteLoginProfile=Disable UpdateLoginProfile=Password_Reset
iam             Entity Management: CreateRole=Create UpdateAssumeRolePolicy=Update
lambda          API Activity: UpdateFunctionCode20150331v2=Update
lambda          API Activity: UpdateFunctionConfiguration20150331v2=Update
lambda          User Access Management: AddPermission20150331v2=Assign_Privileges
monitoring      API Activity: DescribeAlarms=Read
organizations   Entity Management: LeaveOrganization=Unenroll
rds             User Access Management: ModifyDBSnapshotAttribute=Assign_Privileges
rolesanywhere   Entity Management: CreateProfile=Create CreateTrustAnchor=Create
route53resolver API Activity: DeleteResolverQueryLogConfig=Delete
s3              API Activity: ListBuckets=Read
s3              Datastore Activity: CreateBucket=Create GetObject=Read ListObjects=List
secretsmanager  API Activity: BatchGetSecretValue=Read GetSecretValue=Read ListSecrets=Read
signin          Authentication: ConsoleLogin=Logon
ssm             API Activity: DescribeInstanceInformation=Read DescribeParameters=Read
ssm             API Activity: GetCommandInvocation=Read GetParameters=Read
ssm             API Activity: SendCommand=Other StartSession=Other TerminateSession=Delete
sts             API Activity: GetCallerIdentity=Read
sts             Authentication: AssumeRole=Logon GetFederationToken=Logon
"""

MORE_CALLS = """
cognito-idp     Authentication: InitiateAuth=Logon GlobalSignOut=Logoff
dynamodb        API Activity: ListTables=Read
ec2             API Activity: CreateKeyPair=Create ImportKeyPair=Create TerminateInstances=Delete
ec2             API Activity: RevokeSecurityGroupEgress=Update CreateSnapshot=Create
eks             API Activity: CreateCluster=Create
guardduty       API Activity: DeleteDetector=Delete UpdateDetector=Update ArchiveFindings=Other
iam             Account Change: ChangePassword=Password_Change
iam             Account Change: DeactivateMFADevice=MFA_Factor_Disable
iam             Account Change: EnableMFADevice=MFA_Factor_Enable DeleteUser=Delete
iam             Account Change: DeleteAccessKey=DeleteAccessKey UpdateUser=UpdateUser
iam             Account Change: PutUserPolicy=Attach_Policy DetachRolePolicy=Detach_Policy
iam             Account Change: DeleteRolePolicy=Detach_Policy
iam             Account Change: PutRolePermissionsBoundary=Attach_Policy
iam             Account Change: DeleteUserPermissionsBoundary=Detach_Policy
iam             API Activity: GetUser=Read ListAttachedUserPolicies=Read
iam             API Activity: GenerateCredentialReport=Create
iam             API Activity: SimulatePrincipalPolicy=Read GetRolePolicy=Read ListRolePolicies=Read
iam             Entity Management: CreatePolicyVersion=Create DeleteRole=Delete CreatePolicy=Create
iam             Entity Management: CreateSAMLProvider=Create UpdateSAMLProvider=Update
iam             Entity Management: SetDefaultPolicyVersion=Update AddRoleToInstanceProfile=Update
iam             Entity Management: CreateOpenIDConnectProvider=Create CreateServiceLinkedRole=Create
iam             Entity Management: UpdateAccountPasswordPolicy=Update DeleteAccountAlias=Delete
kms             API Activity: Decrypt=Read ScheduleKeyDeletion=Other DisableKey=Update
organizations   Entity Management: InviteAccountToOrganization=Enroll MoveAccount=Move
organizations   Entity Management: CreateAccount=Create CloseAccount=Deactivate
rolesanywhere   Authentication: CreateSession=Logon
rolesanywhere   Entity Management: DisableTrustAnchor=Disable EnableProfile=Enable
signin          Authentication: CheckMfa=Preauth SwitchRole=Account_Switch Logout=Logoff
sso             Authentication: Federate=Logon CreateToken=Logon
sts             Authentication: AssumeRoleWithSAML=Logon AssumeRoleWithWebIdentity=Logon
sts             Authentication: AssumeRoot=Logon
sts             Authentication: GetSessionToken=Logon
"""
"""Calls that a name alone decides, beyond the recorded ones."""


def table(text):
    """Return (class, activity) by (service, call)."""
    found = {}
    for line in text.strip().splitlines():
        service, class_name, calls = re.match(r"(\S+)\s+([^:]+): (.*)", line).groups()
        for call, activity in (pair.split("=") for pair in calls.split()):
            found[f"{service}.amazonaws.com", call] = (class_name, activity.replace("_", " "))
    return found


AUDIT = """
pods                      get=Read list=Read watch=Read create=Create update=Update patch=Update
pods                      delete=Delete deletecollection=Delete
pods/exec                 create=exec get=exec
pods/attach               create=attach
pods/portforward          create=portforward
pods/log                  get=Read
pods/eviction             create=Create
services/proxy            get=proxy create=proxy
nodes                     list=Read patch=Update
nodes/proxy               get=proxy
secrets                   get=Read list=Read watch=Read create=Create delete=Delete
configmaps                get=Read update=Update
namespaces                create=Create delete=Delete
deployments               create=Create patch=Update
serviceaccounts           get=Read list=Read
selfsubjectaccessreviews  create=Create
users                     impersonate=impersonate
clusterroles              get=Read list=Read
certificatesigningrequests get=Read
"""
"""API Activity by resource and verb."""

AUDIT_IDENTITY = """
serviceaccounts            Account Change: create=Create delete=Delete patch=patch update=update
serviceaccounts/token      Authentication: create=Authentication_Ticket
roles                      Entity Management: create=Create update=Update patch=Update delete=Delete
clusterroles               Entity Management: create=Create update=Update
clusterroles               Entity Management: patch=Update escalate=Update
rolebindings               Entity Management: delete=Delete deletecollection=Delete
clusterrolebindings        Entity Management: create=Create patch=Update delete=Delete
certificatesigningrequests Entity Management: create=Create delete=Delete
certificatesigningrequests/approval Entity Management: update=Update patch=Update
"""
"""The other classes, where the text of the request was not recorded."""


def audit_table():
    """Return (class, activity) by (resource, verb)."""
    found = {}
    for line in AUDIT.strip().splitlines():
        resource, *pairs = line.split()
        for verb, activity in (pair.split("=") for pair in pairs):
            found[resource, verb] = ("API Activity", activity)
    for line in AUDIT_IDENTITY.strip().splitlines():
        resource, class_name, pairs = re.match(r"(\S+)\s+([^:]+): (.*)", line).groups()
        for verb, activity in (pair.split("=") for pair in pairs.split()):
            found[resource, verb] = (class_name, activity.replace("_", " "))
    return found
