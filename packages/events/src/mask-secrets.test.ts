import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assert as assertProperty, jsonValue, property } from 'fast-check'
import { Type, type TSchema } from 'typebox'
import { defineEvent } from './contract.ts'
import { hasSecrets, maskSecrets } from './mask-secrets.ts'

const secret = { secret: true }

function contractOf(data: TSchema, version = 1) {
  return defineEvent({
    eventType: 'paid',
    version,
    topic: 'payments',
    aggregateType: 'payment',
    description: 'Somebody paid.',
    data,
    upcasters: Object.fromEntries(
      Array.from({ length: version - 1 }, (_, index) => [index + 1, (each: unknown) => each]),
    ),
  })
}

const payment = contractOf(
  Type.Object({
    amount: Type.Number(),
    card: Type.Object({ number: Type.String(secret), holder: Type.String() }),
    codes: Type.Array(Type.Object({ code: Type.Integer(secret), note: Type.String() })),
    tokens: Type.Array(Type.String(secret)),
    pair: Type.Tuple([Type.String(), Type.String(secret)]),
    notes: Type.Record(Type.String(), Type.String(secret)),
    all: Type.Optional(Type.Object({ a: Type.Number(), b: Type.Array(Type.Number()) }, secret)),
    either: Type.Optional(
      Type.Union([
        Type.Object({ kind: Type.Literal('pin'), pin: Type.String(secret) }),
        Type.Object({ kind: Type.Literal('name'), name: Type.String() }),
      ]),
    ),
  }),
)

const envelope = (data: string, version = 1): string =>
  `{"eventId":"x","version":${version},"metadata":{"number":"kept"},"data":${data}}`

for (const { name, data, masked } of [
  {
    name: 'fields of nested objects',
    data: '{"amount":1,"card":{"number":"4111 \\"1\\"","holder":"Ada"}}',
    masked: '{"amount":1,"card":{"number":"***","holder":"Ada"}}',
  },
  {
    name: 'fields of objects in arrays',
    data: '{"codes":[{"code":12345,"note":"a"},{"note":"b","code":-1.5e3}]}',
    masked: '{"codes":[{"code":"***","note":"a"},{"note":"b","code":"***"}]}',
  },
  {
    name: 'items of arrays and tuples',
    data: '{"tokens":["a","b"],"pair":["open","hidden"],"empty":[]}',
    masked: '{"tokens":["***","***"],"pair":["open","***"],"empty":[]}',
  },
  {
    name: 'values of records',
    data: '{"notes":{"x":"1","y":"2"}}',
    masked: '{"notes":{"x":"***","y":"***"}}',
  },
  {
    name: 'whole objects and arrays',
    data: '{"all":{"a":1,"b":[1,[2,"]}"]]},"amount":2}',
    masked: '{"all":"***","amount":2}',
  },
  {
    name: 'one of several alternatives',
    data: '{"either":{"kind":"pin","pin":"1234"}}',
    masked: '{"either":{"kind":"pin","pin":"***"}}',
  },
  {
    name: 'a name in other letters, and one that comes twice',
    data: '{"card":{"n\\u0075mber":"1","number":"2"}}',
    masked: '{"card":{"n\\u0075mber":"***","number":"***"}}',
  },
  {
    name: 'nothing else: big numbers, spaces, the order and NUL stay byte for byte',
    data: '{ "amount" : 12345678901234567890.10 ,\n"z":1,"a":"\\u0000", "card":{"number":\t1 } }',
    masked:
      '{ "amount" : 12345678901234567890.10 ,\n"z":1,"a":"\\u0000", "card":{"number":\t"***" } }',
  },
])
  test(`secrets: ${name}`, () => {
    assert.equal(maskSecrets(payment, envelope(data)), envelope(masked))
  })

test('secrets: all the data may be one', () => {
  const contract = contractOf(Type.String(secret))
  assert.equal(maskSecrets(contract, envelope('"x"')), envelope('"***"'))
  assert.equal(maskSecrets(contract, envelope('{"any":["thing"]}')), envelope('"***"'))
})

test('secrets: data of another version is masked by the names, wherever they are now', () => {
  const contract = contractOf(payment.data, 2)
  assert.equal(
    maskSecrets(contract, envelope('{"number":"1","old":[{"code":{"deep":1}}],"amount":3}', 1)),
    '{"eventId":"x","version":1,"metadata":{"number":"***"},"data":{"number":"***","old":[{"code":"***"}],"amount":3}}',
  )
})

test("secrets: the version is the envelope's, not one that stands in the data before it", () => {
  const contract = contractOf(payment.data, 2)
  const payload = '{"data":{"version":2,"number":"1"},"version":1}'
  assert.equal(maskSecrets(contract, payload), payload.replace('"1"', '"***"'))
})

test('secrets: types without any stay as they are; what is no JSON is masked whole', () => {
  const plain = contractOf(Type.Object({ number: Type.String() }))
  assert.equal(hasSecrets(plain), false)
  assert.equal(hasSecrets(payment), true)
  for (const contract of [plain, undefined]) {
    assert.equal(maskSecrets(contract, envelope('{"number":"1"}')), envelope('{"number":"1"}'))
    assert.equal(maskSecrets(contract, '{"number"'), '{"number"')
  }
  assert.equal(maskSecrets(payment, '{"data":{"card":{"number":"4111'), '"***"')
})

test('secrets: depth without end is masked, not a crash', () => {
  const deep = `{"amount":${'['.repeat(200_000)}"4111"${']'.repeat(200_000)}}`
  const masked = maskSecrets(payment, envelope(deep))
  assert.doesNotMatch(masked, /4111/)
  assert.doesNotThrow(() => JSON.parse(masked))
})

test('secrets: of any JSON nothing but the secret changes', () => {
  const contract = contractOf(Type.Object({ hidden: Type.Unknown(secret), open: Type.Unknown() }))
  assertProperty(
    property(jsonValue(), jsonValue(), jsonValue(), (hidden, open, more) => {
      const payload = { version: 1, data: { open, hidden, more }, hidden }
      const shown = JSON.parse(maskSecrets(contract, JSON.stringify(payload)))
      assert.deepEqual(shown, {
        ...JSON.parse(JSON.stringify(payload)),
        data: {
          open: JSON.parse(JSON.stringify(open)),
          hidden: '***',
          more: JSON.parse(JSON.stringify(more)),
        },
      })
    }),
  )
})
