import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { systemClock } from '@millrace/core'
import {
  openSaslTarget,
  saslUsers,
  sessionMs,
  type Outcome,
  type SaslTalk,
  type SaslTarget,
} from '../../test/sasl-target.ts'
import { scramBare, scramFinal, type ScramMechanism } from '../../test/sasl.ts'
import { saslDifferences } from '../../test/wire-differences.ts'
import type { Difference } from '../../test/wire-target.ts'

/**
 * SASL message by message, on the broker of this package and with `npm run test:kafka` on Apache Kafka: what is let in, what is refused and in
 * which answer, and that nothing is served after a refusal.
 */
let target: SaslTarget

before(async () => {
  target = await openSaslTarget()
})
after(() => target[Symbol.asyncDispose]())

const FAILED = 'SASL_AUTHENTICATION_FAILED'
const ILLEGAL = 'ILLEGAL_SASL_STATE'
/** A request that was let through finds no topic of its name. */
const served = 'UNKNOWN_TOPIC_OR_PARTITION'
const closed = 'closed'

type Expected = readonly Outcome[] | Difference<readonly Outcome[]>

function expectedHere(expected: Expected): readonly Outcome[] {
  return 'millrace' in expected ? expected[target.kind] : expected
}

const plainCases: readonly {
  readonly name: string
  readonly message: string | Uint8Array
  readonly outcome: Outcome
  /** In words, where both brokers say the same. */
  readonly text?: RegExp
}[] = [
  { name: 'the right password', message: '\0alice\0pencil', outcome: 'NONE' },
  { name: 'the identity that it has anyway', message: 'alice\0alice\0pencil', outcome: 'NONE' },
  {
    name: 'a wrong password',
    message: '\0alice\0paper',
    outcome: FAILED,
    text: /^Authentication failed: Invalid username or password$/,
  },
  {
    name: 'an unknown user',
    message: '\0zoe\0pencil',
    outcome: FAILED,
    text: /^Authentication failed: Invalid username or password$/,
  },
  { name: 'the name in other case', message: '\0Alice\0pencil', outcome: FAILED },
  { name: 'a password that was cut', message: '\0alice\0penci', outcome: FAILED },
  { name: 'a password that goes on', message: '\0alice\0pencils', outcome: FAILED },
  { name: 'no password', message: '\0alice\0', outcome: FAILED },
  { name: 'no user', message: '\0\0pencil', outcome: FAILED },
  { name: 'another identity', message: 'bob\0alice\0pencil', outcome: FAILED },
  { name: 'cut before the password', message: '\0alice', outcome: FAILED },
  { name: 'cut before the user', message: 'alice', outcome: FAILED },
  { name: 'nothing at all', message: '', outcome: FAILED },
  { name: 'a fourth part', message: '\0alice\0pencil\0x', outcome: FAILED },
  { name: 'a NUL at its end', message: '\0alice\0pencil\0', outcome: FAILED },
  { name: 'no UTF-8', message: Uint8Array.of(0, 0x61, 0xff, 0, 0x62), outcome: FAILED },
  {
    name: '60,000 bytes of password',
    message: `\0alice\0${'x'.repeat(60_000)}`,
    outcome: FAILED,
  },
  { name: 'a message of SCRAM', message: 'n,,n=alice,r=abc', outcome: FAILED },
]

for (const { name, message, outcome, text } of plainCases)
  test(`sasl exchange: PLAIN, ${name}: ${outcome}`, async () => {
    await using talk = await target.connect()
    assert.equal(await talk.handshake('PLAIN'), 'NONE')
    assert.equal(await talk.authenticate(message), outcome)
    if (text !== undefined) assert.match(talk.text, text)
    assert.equal(await talk.request(), outcome === 'NONE' ? served : closed)
  })

const alice = { username: 'alice', password: saslUsers.alice }
const bareOfAlice = scramBare(alice)

/** Messages of a client, each made of what the broker said last. */
type Message = (said: string, mechanism: ScramMechanism) => string

/** Both messages, the last of them bent. */
function withFinal(bend: (final: string, mechanism: ScramMechanism) => string): readonly Message[] {
  return [
    () => `n,,${bareOfAlice}`,
    (said, mechanism) => bend(scramFinal(mechanism, alice, said), mechanism),
  ]
}

/** Both messages as this user. */
function login(user: Partial<Parameters<typeof scramFinal>[1]>): readonly Message[] {
  const whole = { ...alice, ...user }
  return [
    () => `${whole.gs2 ?? 'n,,'}${scramBare(whole)}`,
    (said, mechanism) => scramFinal(mechanism, whole, said),
  ]
}

const only = (first: string): readonly Message[] => [() => first]

function bendProof(bend: (proof: Buffer) => Buffer): (final: string) => string {
  return (final) =>
    final.replace(/,p=(.*)$/, (_, proof: string) => {
      const bent = bend(Buffer.from(proof, 'base64'))
      return `,p=${bent.toString('base64')}`
    })
}

const both: Expected = ['NONE', 'NONE']
const atLast: Expected = ['NONE', FAILED]
const atFirst: Expected = [FAILED]

const scramCases: readonly {
  readonly name: string
  readonly messages: readonly Message[]
  readonly outcomes: Expected
}[] = [
  { name: 'the right password', messages: login({}), outcomes: both },
  {
    name: 'the identity that it has anyway',
    messages: login({ gs2: 'n,a=alice,' }),
    outcomes: both,
  },
  { name: 'a wrong password', messages: login({ password: 'paper' }), outcomes: atLast },
  {
    name: 'an unknown user',
    messages: login({ username: 'zoe' }),
    outcomes: saslDifferences.unknownUser,
  },
  { name: 'another identity', messages: login({ gs2: 'n,a=bob,' }), outcomes: atFirst },
  {
    name: '`y` to channel binding',
    messages: login({ gs2: 'y,,' }),
    outcomes: saslDifferences.yesToChannelBinding,
  },
  { name: 'channel binding', messages: only(`p=tls-unique,,${bareOfAlice}`), outcomes: atFirst },
  {
    name: 'an extension that must be understood',
    messages: only('n,,m=x,n=alice,r=abc'),
    outcomes: saslDifferences.mandatoryExtension,
  },
  {
    name: 'an extension that need not',
    messages: only('n,,n=alice,r=abc,x=1'),
    outcomes: ['NONE'],
  },
  { name: 'nothing first', messages: only(''), outcomes: atFirst },
  { name: 'cut before the nonce', messages: only('n,,n=alice'), outcomes: atFirst },
  { name: 'an empty nonce', messages: only('n,,n=alice,r='), outcomes: atFirst },
  { name: 'a nonce with a space', messages: only('n,,n=alice,r=a b'), outcomes: atFirst },
  { name: 'no header', messages: only('n=alice,r=abc'), outcomes: atFirst },
  { name: 'no name', messages: only('n,,n=,r=abc'), outcomes: atFirst },
  { name: 'a name with a broken escape', messages: only('n,,n=al=zzice,r=abc'), outcomes: atFirst },
  { name: 'a message of PLAIN', messages: only('\0alice\0pencil'), outcomes: atFirst },
  { name: 'nothing at last', messages: withFinal(() => ''), outcomes: atLast },
  {
    name: 'cut before the proof',
    messages: withFinal((final) => final.replace(/,p=.*/, '')),
    outcomes: atLast,
  },
  {
    name: 'a proof with one other bit',
    messages: withFinal(
      bendProof((proof) => Buffer.from(proof.map((byte, at) => (at === 0 ? byte ^ 1 : byte)))),
    ),
    outcomes: atLast,
  },
  {
    name: 'a proof that was cut',
    messages: withFinal(bendProof((proof) => proof.subarray(0, 15))),
    outcomes: saslDifferences.proofOfOtherLength,
  },
  {
    name: 'a proof that goes on',
    messages: withFinal(bendProof((proof) => Buffer.concat([proof, Buffer.alloc(3)]))),
    outcomes: saslDifferences.proofOfOtherLength,
  },
  {
    name: 'a proof without its padding',
    messages: withFinal((final) => final.replace(/=+$/, '')),
    outcomes: atLast,
  },
  {
    name: 'a proof that is no base64',
    messages: withFinal((final) => final.replace(/,p=.*/, ',p=!!!!')),
    outcomes: atLast,
  },
  {
    name: 'something after the proof',
    messages: withFinal((final) => `${final},x=1`),
    outcomes: atLast,
  },
  {
    name: 'the client’s part of the nonce alone',
    messages: withFinal((final) => final.replace(/r=abcdef[^,]*/, 'r=abcdef')),
    outcomes: atLast,
  },
  {
    name: 'another nonce of the broker',
    messages: withFinal((final) => final.replace(/r=abcdef[^,]*/, 'r=abcdefzzzz')),
    outcomes: atLast,
  },
  {
    name: 'the first message twice',
    messages: [() => `n,,${bareOfAlice}`, () => `n,,${bareOfAlice}`],
    outcomes: atLast,
  },
]

/** Sends until a message is not answered with NONE. @returns the outcome of each that was sent */
async function exchange(
  talk: SaslTalk,
  mechanism: ScramMechanism,
  messages: readonly Message[],
): Promise<readonly Outcome[]> {
  assert.equal(await talk.handshake(mechanism), 'NONE')
  const outcomes: Outcome[] = []
  for (const message of messages) {
    outcomes.push(await talk.authenticate(message(talk.said, mechanism)))
    if (outcomes.at(-1) !== 'NONE') break
  }
  return outcomes
}

for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
  for (const { name, messages, outcomes } of scramCases)
    test(`sasl exchange: ${mechanism}, ${name}`, async () => {
      await using talk = await target.connect()
      const expected = expectedHere(outcomes)
      assert.deepEqual(await exchange(talk, mechanism, messages), expected)
      const isIn = expected.length === 2 && expected.at(-1) === 'NONE'
      if (isIn) assert.match(talk.said, /^v=/)
      if (isIn) assert.equal(await talk.request(), served)
      else if (expected.at(-1) !== 'NONE') assert.equal(await talk.request(), closed)
    })

  test(`sasl exchange: ${mechanism}, a last message that was heard on another connection opens none`, async () => {
    let heard = ''
    await using talk = await target.connect()
    const record = withFinal((final) => (heard = final))
    assert.deepEqual(await exchange(talk, mechanism, record), both)
    await using thief = await target.connect()
    assert.deepEqual(await exchange(thief, mechanism, [record[0]!, () => heard]), atLast)
    assert.equal(await thief.request(), closed)
  })

  test(`sasl exchange: ${mechanism}, a header at last that is not the first’s`, async () => {
    await using talk = await target.connect()
    // Proven with the password, so the header is all that is wrong.
    const messages: readonly Message[] = [
      () => `n,,${bareOfAlice}`,
      (said) => scramFinal(mechanism, { ...alice, gs2: 'y,,' }, said),
    ]
    const expected = saslDifferences.otherChannelBinding[target.kind]
    assert.deepEqual(await exchange(talk, mechanism, messages), expected)
  })
}

test('sasl exchange: a proof by the other hash is refused as one of another length', async () => {
  await using talk = await target.connect()
  const messages = withFinal((final) => final)
  const other: readonly Message[] = [messages[0]!, (said) => messages[1]!(said, 'SCRAM-SHA-512')]
  assert.deepEqual(
    await exchange(talk, 'SCRAM-SHA-256', other),
    saslDifferences.proofOfOtherLength[target.kind],
  )
})

for (const mechanism of ['', 'plain', 'PLAIN ', 'GSSAPI', 'SCRAM-SHA-1', 'x'.repeat(1_000)])
  test(`sasl exchange: no mechanism is called "${mechanism.slice(0, 20)}"`, async () => {
    await using talk = await target.connect()
    assert.equal(await talk.handshake(mechanism), 'UNSUPPORTED_SASL_MECHANISM')
    assert.equal(await talk.authenticate('\0alice\0pencil'), closed)
  })

test('sasl exchange: a second handshake, a message before the first and a request before it end the connection', async () => {
  await using twice = await target.connect()
  await twice.handshake('PLAIN')
  assert.equal(await twice.handshake('PLAIN'), ILLEGAL)
  assert.equal(await twice.authenticate('\0alice\0pencil'), closed)
  await using hasty = await target.connect()
  assert.equal(await hasty.authenticate('\0alice\0pencil'), closed)
  await using curious = await target.connect()
  assert.equal(await curious.request(), closed)
})

test('sasl exchange: a request after the handshake is not served', async () => {
  await using talk = await target.connect()
  await talk.handshake('PLAIN')
  for (const expected of saslDifferences.requestAfterHandshake[target.kind])
    assert.equal(await talk.request(), expected)
})

test('sasl exchange: version 0 of the handshake', async () => {
  await using talk = await target.connect()
  const [first, then] = saslDifferences.handshakeVersion0[target.kind]
  assert.equal(await talk.handshake('PLAIN', 0), first)
  if (then !== undefined) assert.equal(await talk.authenticate('\0alice\0pencil'), then)
})

test('sasl exchange: versions are told before the handshake', async () => {
  await using talk = await target.connect()
  assert.equal(await talk.versions(), 'NONE')
  assert.equal(await talk.handshake('PLAIN'), 'NONE')
  assert.equal(await talk.authenticate('\0alice\0pencil'), 'NONE')
  assert.equal(await talk.versions(), 'NONE')
  await using twice = await target.connect()
  for (const expected of saslDifferences.versionsTwice[target.kind])
    assert.equal(await twice.versions(), expected)
  await using late = await target.connect()
  await late.handshake('PLAIN')
  const [told, done] = saslDifferences.versionsAfterHandshake[target.kind]
  assert.equal(await late.versions(), told)
  assert.equal(await late.authenticate('\0alice\0pencil'), done)
})

test('sasl exchange: messages that are sent along with the handshake are taken one after the other', async () => {
  await using talk = await target.connect()
  talk.sendHandshake('PLAIN')
  talk.sendAuthenticate('\0alice\0pencil')
  assert.deepEqual(await talk.takeAnswers(), ['NONE', 'NONE'])
  assert.equal(await talk.request(), served)
})

/** A connection of alice, by PLAIN, whose session has just begun. */
async function aliceIn(): Promise<SaslTalk> {
  const talk = await target.connect()
  assert.equal(await talk.handshake('PLAIN'), 'NONE')
  assert.equal(await talk.authenticate('\0alice\0pencil'), 'NONE')
  assert.equal(talk.lifetimeMs, sessionMs)
  return talk
}

test('sasl exchange: a session is renewed by its own user and mechanism (KIP-368)', async () => {
  await using talk = await aliceIn()
  assert.equal(await talk.handshake('PLAIN'), 'NONE')
  assert.equal(await talk.authenticate('\0alice\0pencil'), 'NONE')
  assert.equal(talk.lifetimeMs, sessionMs)
  assert.equal(await talk.handshake('PLAIN'), saslDifferences.renewedTwiceAtOnce[target.kind])
})

for (const [name, message, text] of [
  ['a wrong password', '\0alice\0paper', /^Authentication failed: Invalid username or password$/],
  ['another user', '\0bob\0paper', /^Cannot change principals during re-authentication/],
  ['half a message', '\0alice', /./],
] as const)
  test(`sasl exchange: a session that is renewed with ${name} ends`, async () => {
    await using talk = await aliceIn()
    assert.equal(await talk.handshake('PLAIN'), 'NONE')
    assert.equal(await talk.authenticate(message), FAILED)
    assert.match(talk.text, text)
    assert.equal(await talk.request(), closed)
  })

test('sasl exchange: a session is not renewed by another mechanism, nor by none that there is', async () => {
  await using other = await aliceIn()
  const [agreed, done] = saslDifferences.renewedByOtherMechanism[target.kind]
  assert.equal(await other.handshake('SCRAM-SHA-256'), agreed)
  assert.equal(await other.authenticate(`n,,${bareOfAlice}`), done)
  await using unknown = await aliceIn()
  const outcome = saslDifferences.renewedByUnknownMechanism[target.kind]
  assert.equal(await unknown.handshake('NONE'), outcome)
  assert.equal(await unknown.request(), closed)
})

test('sasl exchange: requests while a session is renewed', async () => {
  await using talk = await aliceIn()
  await talk.handshake('PLAIN')
  const [asked, renewed] = saslDifferences.requestWhileRenewing[target.kind]
  assert.equal(await talk.request(), asked)
  assert.equal(await talk.authenticate('\0alice\0pencil'), renewed)
})

test('sasl exchange: a message without a handshake does not renew a session and does no harm', async () => {
  await using talk = await aliceIn()
  assert.equal(await talk.authenticate('\0alice\0pencil'), ILLEGAL)
  assert.equal(await talk.request(), served)
})

test('sasl exchange: a session that was not renewed ends with the next request, and can be renewed until then', async () => {
  await using forgetful = await aliceIn()
  await using late = await aliceIn()
  await systemClock.sleep(sessionMs + 200)
  assert.equal(await late.handshake('PLAIN'), 'NONE')
  assert.equal(await late.authenticate('\0alice\0pencil'), 'NONE')
  assert.equal(await late.request(), served)
  assert.equal(await forgetful.request(), closed)
})
