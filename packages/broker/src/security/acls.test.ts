import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Access } from './access.ts'
import {
  AclStore,
  aclOperations,
  aclPermissions,
  patternTypes,
  resourceTypes,
  type AclFilter,
} from './acls.ts'
import { aclOf, type AclOption } from './security-options.ts'

const { READ, WRITE, DESCRIBE, DESCRIBE_CONFIGS, CREATE } = aclOperations
const { TOPIC, GROUP } = resourceTypes
const anna = { principal: 'User:anna', host: '10.0.0.1' }

const onTopic = (
  resourceName: string,
  operation: AclOption['operation'],
  more: Partial<AclOption> = {},
): AclOption => ({
  principal: 'User:anna',
  operation,
  resourceType: 'TOPIC',
  resourceName,
  ...more,
})

function storeOf(options: readonly AclOption[]): AclStore {
  const store = new AclStore()
  for (const option of options) store.replay({ type: 'acl', acl: aclOf(option) })
  return store
}

interface Case {
  readonly name: string
  readonly acls: readonly AclOption[]
  readonly operation?: number
  readonly topic?: string
  readonly isAllowed: boolean
}

const cases: readonly Case[] = [
  { name: 'nothing is allowed without a rule', acls: [], isAllowed: false },
  { name: 'the literal name', acls: [onTopic('orders', 'READ')], isAllowed: true },
  { name: 'another name', acls: [onTopic('order', 'READ')], isAllowed: false },
  { name: 'another operation', acls: [onTopic('orders', 'WRITE')], isAllowed: false },
  { name: 'ALL is every operation', acls: [onTopic('orders', 'ALL')], isAllowed: true },
  { name: 'the wildcard is every name', acls: [onTopic('*', 'READ')], isAllowed: true },
  {
    name: 'a prefix',
    acls: [onTopic('ord', 'READ', { patternType: 'PREFIXED' })],
    isAllowed: true,
  },
  {
    name: 'a prefix that is the whole name',
    acls: [onTopic('orders', 'READ', { patternType: 'PREFIXED' })],
    isAllowed: true,
  },
  {
    name: 'a prefix longer than the name',
    acls: [onTopic('orders-', 'READ', { patternType: 'PREFIXED' })],
    isAllowed: false,
  },
  {
    name: 'everyone',
    acls: [onTopic('orders', 'READ', { principal: 'User:*' })],
    isAllowed: true,
  },
  {
    name: 'someone else',
    acls: [onTopic('orders', 'READ', { principal: 'User:berta' })],
    isAllowed: false,
  },
  {
    name: 'from this host',
    acls: [onTopic('orders', 'READ', { host: '10.0.0.1' })],
    isAllowed: true,
  },
  {
    name: 'from another host',
    acls: [onTopic('orders', 'READ', { host: '10.0.0.2' })],
    isAllowed: false,
  },
  {
    name: 'a denial beats what allows, wherever it stands',
    acls: [
      onTopic('orders', 'READ'),
      onTopic('o', 'ALL', { patternType: 'PREFIXED', permission: 'DENY', principal: 'User:*' }),
      onTopic('orders', 'ALL'),
    ],
    isAllowed: false,
  },
  {
    name: 'a denial of one operation leaves the others',
    acls: [onTopic('orders', 'ALL'), onTopic('orders', 'WRITE', { permission: 'DENY' })],
    isAllowed: true,
  },
  {
    name: 'READ implies DESCRIBE',
    acls: [onTopic('orders', 'READ')],
    operation: DESCRIBE,
    isAllowed: true,
  },
  {
    name: 'CREATE does not imply DESCRIBE',
    acls: [onTopic('orders', 'CREATE')],
    operation: DESCRIBE,
    isAllowed: false,
  },
  {
    name: 'a denial of READ does not deny DESCRIBE',
    acls: [onTopic('orders', 'WRITE'), onTopic('orders', 'READ', { permission: 'DENY' })],
    operation: DESCRIBE,
    isAllowed: true,
  },
  {
    name: 'ALTER_CONFIGS implies DESCRIBE_CONFIGS',
    acls: [onTopic('orders', 'ALTER_CONFIGS')],
    operation: DESCRIBE_CONFIGS,
    isAllowed: true,
  },
  {
    name: 'a right to a group of the name is none to the topic',
    acls: [{ ...onTopic('orders', 'READ'), resourceType: 'GROUP' }],
    isAllowed: false,
  },
]
for (const { name, acls, operation = READ, topic = 'orders', isAllowed } of cases)
  test(`acls: ${name}`, () =>
    assert.equal(storeOf(acls).isAllowed(anna, operation, TOPIC, topic), isAllowed))

test('acls: a right to any topic counts unless a denial covers all of it', () => {
  const any = (...acls: AclOption[]) => storeOf(acls).isAllowedOnAny(anna, WRITE, TOPIC)
  const deny = { permission: 'DENY' } as const
  const prefixed = { patternType: 'PREFIXED' } as const
  assert.equal(any(), false)
  assert.equal(any(onTopic('orders', 'WRITE')), true)
  assert.equal(any(onTopic('orders', 'READ')), false)
  assert.equal(any(onTopic('*', 'WRITE'), onTopic('orders', 'WRITE', deny)), true)
  assert.equal(any(onTopic('*', 'WRITE'), onTopic('*', 'ALL', deny)), false)
  assert.equal(
    any(onTopic('orders', 'WRITE'), onTopic('ord', 'WRITE', { ...deny, ...prefixed })),
    false,
  )
  assert.equal(any(onTopic('ord', 'WRITE', prefixed), onTopic('orders', 'WRITE', deny)), true)
  assert.equal(any(onTopic('ord', 'WRITE', prefixed), onTopic('ord', 'WRITE', deny)), true)
  assert.equal(
    any(onTopic('ord', 'WRITE', prefixed), onTopic('o', 'WRITE', { ...deny, ...prefixed })),
    false,
  )
})

test('acls: super users may do everything, denials or not', () => {
  const store = storeOf([onTopic('*', 'ALL', { permission: 'DENY' })])
  const isSuper = new Access(store, anna, new Set(['User:anna']))
  assert.equal(isSuper.may(CREATE, TOPIC, 'orders'), true)
  assert.equal(isSuper.mayOnAny(WRITE, TOPIC), true)
  assert.equal(new Access(store, anna, new Set(['User:berta'])).may(READ, TOPIC, 'orders'), false)
})

test('acls: filters, and MATCH finds every rule that decides about a name (KIP-290)', () => {
  const store = storeOf([
    onTopic('orders', 'READ'),
    onTopic('*', 'WRITE'),
    onTopic('ord', 'READ', { patternType: 'PREFIXED' }),
    onTopic('bills', 'READ'),
    { ...onTopic('orders', 'READ'), resourceType: 'GROUP' },
  ])
  const all = {
    resourceType: resourceTypes.ANY,
    resourceName: null,
    patternType: patternTypes.ANY,
    principal: null,
    host: null,
    operation: aclOperations.ANY,
    permission: aclPermissions.ANY,
  }
  const namesOf = (filter: Partial<AclFilter>) =>
    store.find({ ...all, ...filter }).map(({ resourceName }) => resourceName)
  assert.equal(namesOf({}).length, 5)
  const { MATCH, LITERAL, PREFIXED } = patternTypes
  const topic = { resourceType: TOPIC, resourceName: 'orders' }
  assert.deepEqual(namesOf({ ...topic, patternType: MATCH }), ['orders', '*', 'ord'])
  assert.deepEqual(namesOf({ ...topic, patternType: LITERAL }), ['orders'])
  assert.deepEqual(namesOf({ resourceType: TOPIC, patternType: PREFIXED }), ['ord'])
  assert.deepEqual(namesOf({ resourceType: GROUP }), ['orders'])
  assert.deepEqual(namesOf({ operation: WRITE }), ['*'])
})

test('acls: added twice is there once, and removed is gone, also for names that a prefix covered', () => {
  const acl = aclOf(onTopic('ord', 'READ', { patternType: 'PREFIXED' }))
  const store = storeOf([])
  store.replay({ type: 'acl', acl })
  store.replay({ type: 'acl', acl: { ...acl } })
  assert.equal(store.count, 1)
  assert.equal(store.isAllowed(anna, READ, TOPIC, 'orders'), true)
  assert.equal([...store.snapshot()].length, 1)
  store.replay({ type: 'aclDeleted', acl: { ...acl } })
  assert.equal(store.count, 0)
  assert.equal(store.isAllowed(anna, READ, TOPIC, 'orders'), false)
})
