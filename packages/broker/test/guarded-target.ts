import assert from 'node:assert/strict'
import { eventually } from '@millrace/core/testing'
import {
  createAclsApi,
  createTopicsApi,
  deleteAclsApi,
  deleteTopicsApi,
  describeAclsApi,
  listOffsetsApi,
  zeroUuid,
} from '@millrace/protocol'
import type { ApacheKafka } from '@millrace/testkit'
import type { AclOption } from '../src/index.ts'
import { aclOf } from '../src/security/security-options.ts'
import { testBroker } from './broker.ts'
import { loginPlain } from './sasl.ts'
import { WireClient } from './wire-client.ts'
import { apacheKafka, isApacheWanted, type WireTarget } from './wire-target.ts'

/** A broker with access rules, the users admin (who may do everything) and anna, and the topics `mine` and `theirs`. */
export interface GuardedTarget extends AsyncDisposable {
  readonly kind: WireTarget['kind']
  as(name: UserName): Promise<WireClient>
  /** Resolves when the broker goes by so many rules; Apache Kafka does a moment after it has answered a change. */
  untilRules(count: number): Promise<void>
  restart(): Promise<void>
}

export type UserName = 'admin' | 'anna'

const passwords = { admin: 'a', anna: 'b' } as const
const topicNames = ['mine', 'theirs']

/** Of any kind, name, user, host, operation. */
export const anyAcl = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
}

let shared: ApacheKafka | undefined

/** The one Apache Kafka of this file is over. */
export async function closeGuarded(): Promise<void> {
  await shared?.stop()
}

/** With these rules and no others, and empty topics. */
export async function guardedTarget(acls: readonly AclOption[] = []): Promise<GuardedTarget> {
  if (await isApacheWanted()) return guardedApache(acls)
  const users = Object.entries(passwords).map(([name, password]) => ({ name, password }))
  const ours = await testBroker({
    topics: topicNames.map((name) => ({ name, partitions: 1 })),
    security: { sasl: { users }, authorization: { superUsers: ['User:admin'], acls } },
  })
  return guarded('millrace', {
    connect: () => ours.connect(),
    restart: () => ours.restart(),
    close: async () => ours[Symbol.asyncDispose](),
  })
}

interface Doors {
  readonly connect: () => Promise<WireClient>
  readonly restart: () => Promise<void>
  readonly close: () => Promise<void>
}

function guarded(kind: WireTarget['kind'], { connect, restart, close }: Doors): GuardedTarget {
  const as = async (name: UserName): Promise<WireClient> => {
    const client = await connect()
    assert.equal((await loginPlain(client, name, passwords[name])).errorCode, 0)
    return client
  }
  return {
    kind,
    as,
    restart,
    untilRules: async (count) => {
      await using admin = await as('admin')
      await eventually(`there are ${count} rules`, async () => {
        const { resources } = await admin.call(describeAclsApi, 3, anyAcl)
        return resources.reduce((sum, { acls }) => sum + acls.length, 0) === count
      })
    },
    [Symbol.asyncDispose]: close,
  }
}

async function guardedApache(acls: readonly AclOption[]): Promise<GuardedTarget> {
  shared ??= await apacheKafka({
    users: passwords,
    properties: {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      // The plain listener is the broker's own.
      'super.users': 'User:admin;User:ANONYMOUS',
    },
  })
  const { port, ca } = shared.secure!
  const target = guarded('apache', {
    connect: () => WireClient.connectSecurely(port, { ca }),
    restart: () => shared!.restart(),
    close: async () => {},
  })
  await using admin = await target.as('admin')
  await admin.call(deleteAclsApi, 3, { filters: [anyAcl] })
  const creations = acls.map(aclOf).map(({ patternType, permission, ...acl }) => ({
    ...acl,
    resourcePatternType: patternType,
    permissionType: permission,
  }))
  await admin.call(createAclsApi, 3, { creations })
  await target.untilRules(acls.length)
  await makeTopics(admin)
  return target
}

/** Anew, so that they are empty. */
async function makeTopics(admin: WireClient): Promise<void> {
  const timeoutMs = 10_000
  await admin.call(deleteTopicsApi, 6, {
    topics: topicNames.map((name) => ({ name, topicId: zeroUuid })),
    timeoutMs,
  })
  const { topics } = await admin.call(createTopicsApi, 7, {
    topics: topicNames.map((name) => ({
      name,
      numPartitions: 1,
      replicationFactor: 1,
      assignments: [],
      configs: [],
    })),
    timeoutMs,
  })
  for (const { errorCode } of topics) assert.equal(errorCode, 0)
  await eventually('the topics can be read', async () => {
    const answer = await admin.call(listOffsetsApi, 5, {
      replicaId: -1,
      topics: topicNames.map((name) => ({
        name,
        partitions: [{ partitionIndex: 0, timestamp: -1n }],
      })),
    })
    return answer.topics.every(
      ({ partitions: [one] }) => one!.errorCode === 0 && one!.offset === 0n,
    )
  })
}
