import {
  alterClientQuotasApi,
  alterConfigsApi,
  alterUserScramCredentialsApi,
  apiVersionsApi,
  createAclsApi,
  deleteAclsApi,
  describeAclsApi,
  describeClientQuotasApi,
  describeClusterApi,
  describeConfigsApi,
  describeLogDirsApi,
  describeUserScramCredentialsApi,
  errorCodes,
  incrementalAlterConfigsApi,
  saslAuthenticateApi,
  saslHandshakeApi,
} from '@millrace/protocol'
import type { Access } from './access.ts'
import { free, rule, split, type AccessRule } from './access-rule.ts'
import { aclOperations, resourceTypes } from './acls.ts'

const { ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS } = aclOperations
const { CLUSTER_AUTHORIZATION_FAILED, GROUP_AUTHORIZATION_FAILED, TOPIC_AUTHORIZATION_FAILED } =
  errorCodes

const errorCode = CLUSTER_AUTHORIZATION_FAILED
const errorMessage = 'Cluster authorization failed.'

/** Rights to the cluster: settings, access rules, users, quotas, disks. */
export const rulesOfCluster: readonly AccessRule[] = [
  free(saslHandshakeApi),
  free(apiVersionsApi),
  free(saslAuthenticateApi),
  free(describeClusterApi),

  rule(describeAclsApi, (request, access) =>
    access.mayOnCluster(DESCRIBE)
      ? { request }
      : { answer: { errorCode, errorMessage, resources: [] } },
  ),
  rule(createAclsApi, (request, access) =>
    access.mayOnCluster(ALTER)
      ? { request }
      : { answer: { results: request.creations.map(() => ({ errorCode, errorMessage })) } },
  ),
  rule(deleteAclsApi, (request, access) => {
    if (access.mayOnCluster(ALTER)) return { request }
    const filterResults = request.filters.map(() => ({ errorCode, errorMessage, matchingAcls: [] }))
    return { answer: { filterResults } }
  }),

  rule(describeConfigsApi, (request, access) => {
    const { allowed, denied } = split(request.resources, (resource) =>
      mayOnResource(access, DESCRIBE_CONFIGS, resource),
    )
    const refused = denied.map((resource) => ({ ...refusedResource(resource), configs: [] }))
    return {
      request: { ...request, resources: allowed },
      mend: (answer) => ({ ...answer, results: [...answer.results, ...refused] }),
    }
  }),
  rule(alterConfigsApi, (request, access) => {
    const { allowed, denied } = split(request.resources, (resource) =>
      mayOnResource(access, ALTER_CONFIGS, resource),
    )
    return {
      request: { ...request, resources: allowed },
      mend: (answer) => ({
        ...answer,
        responses: [...answer.responses, ...denied.map(refusedResource)],
      }),
    }
  }),
  rule(incrementalAlterConfigsApi, (request, access) => {
    const { allowed, denied } = split(request.resources, (resource) =>
      mayOnResource(access, ALTER_CONFIGS, resource),
    )
    return {
      request: { ...request, resources: allowed },
      mend: (answer) => ({
        ...answer,
        responses: [...answer.responses, ...denied.map(refusedResource)],
      }),
    }
  }),

  rule(describeLogDirsApi, (request, access) =>
    access.mayOnCluster(DESCRIBE) ? { request } : { answer: { errorCode, results: [] } },
  ),

  rule(describeClientQuotasApi, (request, access) =>
    access.mayOnCluster(DESCRIBE_CONFIGS)
      ? { request }
      : { answer: { errorCode, errorMessage, entries: null } },
  ),
  rule(alterClientQuotasApi, (request, access) => {
    if (access.mayOnCluster(ALTER_CONFIGS)) return { request }
    const entries = request.entries.map(({ entity }) => ({ errorCode, errorMessage, entity }))
    return { answer: { entries } }
  }),

  rule(describeUserScramCredentialsApi, (request, access) =>
    access.mayOnCluster(DESCRIBE)
      ? { request }
      : {
          answer: {
            errorCode,
            errorMessage,
            results: (request.users ?? []).map(({ name }) => ({
              user: name,
              errorCode,
              errorMessage,
              credentialInfos: [],
            })),
          },
        },
  ),
  rule(alterUserScramCredentialsApi, (request, access) => {
    if (access.mayOnCluster(ALTER)) return { request }
    const users = new Set([...request.deletions, ...request.upsertions].map(({ name }) => name))
    return { answer: { results: [...users].map((user) => ({ user, errorCode, errorMessage })) } }
  }),
]

interface ConfigResource {
  readonly resourceType: number
  readonly resourceName: string
}

/** Kinds of resources that have settings: Kafka numbers them otherwise than those of access rules (ConfigResource.Type). */
const configTypes = { TOPIC: 2, GROUP: 32 } as const

function mayOnResource(access: Access, operation: number, resource: ConfigResource): boolean {
  const { resourceType, resourceName } = resource
  if (resourceType === configTypes.TOPIC)
    return access.may(operation, resourceTypes.TOPIC, resourceName)
  if (resourceType === configTypes.GROUP)
    return access.may(operation, resourceTypes.GROUP, resourceName)
  return access.mayOnCluster(operation)
}

function refusedResource({ resourceType, resourceName }: ConfigResource) {
  const code =
    resourceType === configTypes.TOPIC
      ? TOPIC_AUTHORIZATION_FAILED
      : resourceType === configTypes.GROUP
        ? GROUP_AUTHORIZATION_FAILED
        : CLUSTER_AUTHORIZATION_FAILED
  return { errorCode: code, errorMessage: 'Authorization failed.', resourceType, resourceName }
}
