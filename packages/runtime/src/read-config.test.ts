import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ConfigEntry } from './config-table.ts'
import { RuntimeError } from './errors.ts'
import { describeConfig, maskConfig, readConfig, type Environment } from './read-config.ts'
import { defineService, fullTable } from './service.ts'
import { startService } from './start-service.ts'

function read(entry: Omit<ConfigEntry, 'env' | 'doc'>, text: string | undefined): unknown {
  return readConfig({
    serviceName: 'orders',
    table: { key: { env: 'KEY', doc: 'A key.', ...entry } as ConfigEntry },
    env: text === undefined ? {} : { KEY: text },
  }).values['key']
}

function faultsOf(run: () => unknown): readonly string[] {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof RuntimeError)
    assert.equal(error.code, 'MR_RUNTIME_BAD_CONFIG')
    return error.details['faults'] as string[]
  }
  return []
}

suite('values by type', () => {
  for (const row of [
    { name: 'text', entry: { type: 'string' }, text: 'a b', value: 'a b' },
    { name: 'choice', entry: { type: 'string', oneOf: ['a', 'b'] }, text: 'b', value: 'b' },
    {
      name: 'integer at its bound',
      entry: { type: 'integer', min: 1, max: 5 },
      text: '5',
      value: 5,
    },
    { name: 'duration in seconds', entry: { type: 'duration' }, text: '1.5s', value: 1500 },
    { name: 'duration as bare ms', entry: { type: 'duration' }, text: '250', value: 250 },
    { name: 'boolean as word', entry: { type: 'boolean' }, text: 'Off', value: false },
    {
      name: 'url',
      entry: { type: 'url', protocols: ['http:'] },
      text: 'http://a:1',
      value: 'http://a:1',
    },
    {
      name: 'list with blanks',
      entry: { type: 'list' },
      text: ' a, b,,c ',
      value: ['a', 'b', 'c'],
    },
    { name: 'default', entry: { type: 'integer', default: 7 }, text: undefined, value: 7 },
    { name: 'blank is not set', entry: { type: 'integer', default: 7 }, text: '  ', value: 7 },
    { name: 'optional', entry: { type: 'string', default: null }, text: undefined, value: null },
  ] as const)
    test(row.name, () => assert.deepEqual(read(row.entry, row.text), row.value))
})

suite('faults by type', () => {
  for (const row of [
    { name: 'required', entry: { type: 'string' }, text: undefined, fault: /KEY: is required/ },
    {
      name: 'choice',
      entry: { type: 'string', oneOf: ['a', 'b'] },
      text: 'c',
      fault: /one of a, b, but is "c"/,
    },
    {
      name: 'too short',
      entry: { type: 'string', minLength: 3 },
      text: 'ab',
      fault: /at least 3 characters/,
    },
    { name: 'fraction', entry: { type: 'integer' }, text: '1.5', fault: /whole number/ },
    { name: 'hexadecimal', entry: { type: 'integer' }, text: '0x10', fault: /whole number/ },
    {
      name: 'below its bound',
      entry: { type: 'integer', min: 1 },
      text: '0',
      fault: /at least 1, but is "0"/,
    },
    {
      name: 'above its bound',
      entry: { type: 'duration', maxMs: 1000 },
      text: '2s',
      fault: /at most 1000 ms/,
    },
    { name: 'duration in days', entry: { type: 'duration' }, text: '1d', fault: /such as 250ms/ },
    { name: 'boolean', entry: { type: 'boolean' }, text: 'maybe', fault: /true or false/ },
    { name: 'url', entry: { type: 'url' }, text: 'nowhere', fault: /must be a URL/ },
    {
      name: 'other protocol',
      entry: { type: 'url', protocols: ['https:'] },
      text: 'http://a',
      fault: /https:/,
    },
    {
      name: 'list of urls',
      entry: { type: 'list', items: 'url' },
      text: 'http://a,b',
      fault: /list of URLs/,
    },
    {
      name: 'too few items',
      entry: { type: 'list', minItems: 2 },
      text: 'a',
      fault: /at least 2 items/,
    },
    {
      name: 'a secret is not shown',
      entry: { type: 'integer', secret: true },
      text: 'hunter2',
      fault: /^KEY: must be a whole number \(/,
    },
  ] as const)
    test(row.name, () => {
      const [fault] = faultsOf(() => read(row.entry, row.text))
      assert.match(fault ?? '', row.fault)
    })
})

const table = fullTable(
  defineService({
    name: 'orders',
    version: '1',
    description: 'Takes orders.',
    config: {
      databaseUrl: { type: 'url', env: 'DATABASE_URL', doc: 'Its database.' },
      token: { type: 'string', env: 'IMPORT_TOKEN', secret: true, doc: 'For imports.' },
      pageSize: { type: 'integer', env: 'ORDERS_PAGE_SIZE', default: 20, doc: 'Rows a page.' },
    },
    setup: () => {},
  }),
)

function readOrders(env: Environment) {
  return readConfig({ serviceName: 'orders', table, env })
}

const enough = { DATABASE_URL: 'postgres://u:pw@h/d', IMPORT_TOKEN: 'hunter2' }

suite('the table as a whole', () => {
  test('one start lists every fault', () => {
    const faults = faultsOf(() =>
      readOrders({ PORT: '99999', MILLRACE_MODE: 'prod', LOG_LEVEL: 'loud' }),
    )
    assert.equal(faults.length, 5, faults.join('\n'))
  })

  test('an unknown key with the prefix of the service stops the start and names the near one', () => {
    const [fault] = faultsOf(() => readOrders({ ...enough, ORDERS_PAGESIZE: '5' }))
    assert.match(
      fault ?? '',
      /ORDERS_PAGESIZE: is not a key of orders; did you mean ORDERS_PAGE_SIZE\?/,
    )
  })

  test('where others find the service is no key of its own, and no fault', () => {
    assert.deepEqual(readOrders({ ...enough, ORDERS_URL: 'http://x' }).warnings, [])
  })

  test('an unknown platform key warns in development and stops production', () => {
    const env = { ...enough, MILLRACE_MOD: 'x' }
    assert.match(readOrders(env).warnings[0] ?? '', /did you mean MILLRACE_MODE/)
    assert.match(
      faultsOf(() => readOrders({ ...env, MILLRACE_MODE: 'production' }))[0] ?? '',
      /MILLRACE_MOD/,
    )
  })

  test('fault points are refused in production', () => {
    const env = { ...enough, MILLRACE_MODE: 'production', MILLRACE_FAULTS: 'kill@a' }
    assert.match(faultsOf(() => readOrders(env))[0] ?? '', /MILLRACE_FAULTS/)
  })

  test('secrets and passwords in URLs are masked', () => {
    const masked = maskConfig(table, readOrders(enough).values)
    assert.equal(masked['token'], '***')
    assert.equal(masked['databaseUrl'], 'postgres://u:***@h/d')
    assert.equal(masked['port'], 0)
  })

  test('the help table shows every key with default and meaning', () => {
    const text = describeConfig(table)
    for (const entry of Object.values(table))
      assert.ok(text.includes(entry.env) && text.includes(entry.doc))
    assert.match(text, /ORDERS_PAGE_SIZE +integer +20 +Rows a page\./)
  })

  test('two keys that read one variable are refused', () => {
    assert.throws(
      () =>
        defineService({
          name: 'twice',
          version: '1',
          description: '',
          config: { other: { type: 'integer', env: 'PORT', doc: '' } },
          setup: () => {},
        }),
      { code: 'MR_RUNTIME_BAD_DEFINITION' },
    )
  })

  test('overrides win over the environment and stand in for required keys', async () => {
    let seen: unknown
    const definition = defineService({
      name: 'overridden',
      version: '1',
      description: '',
      config: { word: { type: 'string', env: 'WORD', doc: '' } },
      setup: ({ config }) => void (seen = config.word),
    })
    await using service = await startService(definition, {
      env: { LOG_LEVEL: 'silent' },
      overrides: { word: 'here' },
    })
    assert.ok(service.port > 0)
    assert.equal(seen, 'here')
  })
})
