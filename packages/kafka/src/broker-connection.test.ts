/** One connection against servers that keep to the protocol, and that do not. */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { systemClock, type Clock } from '@millrace/core'
import { eventually, SimulatedClock } from '@millrace/core/testing'
import { makeCertificates } from '@millrace/testkit'
import {
  startRawServer,
  startScriptedBroker,
  versionsAnswer,
  type Asked,
  type ScriptedBroker,
} from '../test/scripted-broker.ts'
import { AnswerMemory } from './answer-memory.ts'
import { BrokerConnection } from './broker-connection.ts'
import { code } from './broker-error.ts'
import { KafkaError } from './errors.ts'
import { securityOf } from './security.ts'
import type { BrokerAddress, KafkaOptions, SaslOptions } from './types.ts'
import { wire } from './wire.ts'

const patienceMs = 60_000

function open(
  address: BrokerAddress,
  over: Pick<KafkaOptions, 'tls' | 'sasl'> & { clock?: Clock; connectTimeoutMs?: number } = {},
): Promise<BrokerConnection> {
  return BrokerConnection.open(address, {
    clientId: 'connection-test',
    connectTimeoutMs: over.connectTimeoutMs ?? patienceMs,
    requestTimeoutMs: patienceMs,
    clock: over.clock ?? systemClock,
    security: securityOf({ brokers: [], clientId: '', ...over }),
    memory: new AnswerMemory(1_048_576),
  })
}

const group = (groupId: string) => ({ groupId, generationId: 1, memberId: 'm' })

function beat(connection: BrokerConnection, groupId = 'g') {
  return connection.request(wire.heartbeat, group(groupId), patienceMs)
}

/** A Metadata answer of some size. */
const metadataAnswer = {
  brokers: [{ nodeId: 1, host: 'localhost', port: 9092 }],
  controllerId: 1,
  topics: Array.from({ length: 50 }, (_, number) => ({ errorCode: 0, name: `topic-${number}` })),
}

function askMetadata(connection: BrokerConnection) {
  return connection.request(wire.metadata, { topics: [] }, patienceMs)
}

function rejectsWith(
  promise: Promise<unknown>,
  errorCode: string,
  message: RegExp = /./,
): Promise<void> {
  return assert.rejects(promise, (error) => {
    assert.ok(error instanceof KafkaError, String(error))
    assert.equal(error.code, errorCode, error.message)
    assert.match(error.message, message)
    return true
  })
}

describe('connection: answers', () => {
  test('those of requests under way come to whoever asked, in order', async () => {
    const held: Asked[] = []
    await using broker = await startScriptedBroker((asked) => {
      held.push(asked)
      if (held.length < 20) return
      for (const [index, each] of held.entries()) each.answer({ errorCode: index })
    })
    const connection = await open(broker)
    const answers = await Promise.all(Array.from({ length: 20 }, () => beat(connection)))
    assert.deepEqual(
      answers.map(({ errorCode }) => errorCode),
      answers.map((_, index) => index),
    )
    connection.close()
  })

  test('one that is split at any byte is the same', async () => {
    let cut = 0
    await using broker = await startScriptedBroker(({ bytesOf, socket }) => {
      const bytes = bytesOf(metadataAnswer)
      socket.write(bytes.subarray(0, ++cut))
      // The rest in a later turn, else the system would put both together.
      setImmediate(() => socket.write(bytes.subarray(cut)))
    })
    const connection = await open(broker)
    for (let round = 0; round < 1_500; round++)
      assert.equal((await askMetadata(connection)).topics.length, 50)
    assert.equal(cut, 1_500)
    connection.close()
  })

  test('thousands of pieces of a byte make the answers they are of', async () => {
    await using broker = await startScriptedBroker(({ bytesOf, socket }) => {
      socket.setNoDelay(true)
      for (const byte of bytesOf(metadataAnswer)) socket.write(Buffer.of(byte))
    })
    const connection = await open(broker)
    const answers = await Promise.all(Array.from({ length: 5 }, () => askMetadata(connection)))
    for (const { topics } of answers) assert.equal(topics.at(-1)?.name, 'topic-49')
    connection.close()
  })

  test('an answer that cannot be read fails its request as such, and those behind it as lost', async () => {
    await using broker = await startScriptedBroker(({ bytesOf, socket, correlationId }) => {
      const bytes = bytesOf(metadataAnswer)
      bytes.fill(0xff, 9) // The frame stands, what is in it makes no sense.
      if (correlationId === 2) socket.write(bytes)
    })
    const connection = await open(broker)
    const both = [askMetadata(connection), askMetadata(connection)] as const
    await rejectsWith(both[0], 'MR_KAFKA_CORRUPT_DATA', /Metadata cannot be read/)
    await rejectsWith(both[1], 'MR_KAFKA_CONNECTION_LOST')
    assert.equal(connection.isOpen, false)
  })

  test('an answer to something else ends the connection', async () => {
    await using broker = await startScriptedBroker(({ bytesOf, socket }) => {
      socket.write(bytesOf({ errorCode: 0 }, 4_711))
    })
    const connection = await open(broker)
    await rejectsWith(beat(connection), 'MR_KAFKA_CONNECTION_LOST')
    assert.equal(connection.isOpen, false)
  })

  test('an answer that nobody asked for ends the connection', async () => {
    await using broker = await startScriptedBroker(({ bytesOf, socket }) => {
      socket.write(Buffer.concat([bytesOf({ errorCode: 0 }), bytesOf({ errorCode: 0 })]))
    })
    const connection = await open(broker)
    assert.equal((await beat(connection)).errorCode, 0)
    await eventually('closed', () => !connection.isOpen)
  })

  for (const { name, bytes } of [
    { name: 'of 2 GB', bytes: [0x7f, 0xff, 0xff, 0xff] },
    { name: 'of less than nothing', bytes: [0xff, 0xff, 0xff, 0xff] },
    { name: 'of 0 bytes', bytes: [0, 0, 0, 0] },
  ])
    test(`a frame ${name} ends the connection, and the cause says so`, async () => {
      await using broker = await startScriptedBroker(({ socket }) => {
        socket.write(Buffer.from([...bytes, 1, 2, 3]))
      })
      const connection = await open(broker)
      await assert.rejects(beat(connection), (error) => {
        assert.ok(error instanceof KafkaError)
        assert.equal(error.code, 'MR_KAFKA_CONNECTION_LOST')
        assert.match(String(error.cause), /claims a size of/)
        return true
      })
      assert.equal(connection.isOpen, false)
    })

  test('a connection that ends in the middle of one fails everything under way, and later requests at once', async () => {
    await using broker = await startScriptedBroker(({ bytesOf, socket }) => {
      socket.end(bytesOf(metadataAnswer).subarray(0, 100))
    })
    const connection = await open(broker)
    const both = [askMetadata(connection), beat(connection)] as const
    await assert.rejects(both[0], (error) => {
      assert.ok(error instanceof KafkaError)
      assert.equal(error.code, 'MR_KAFKA_CONNECTION_LOST')
      assert.match(String(error.cause), /middle of an answer/)
      return true
    })
    await rejectsWith(both[1], 'MR_KAFKA_CONNECTION_LOST')
    await rejectsWith(beat(connection), 'MR_KAFKA_CONNECTION_LOST')
  })

  test('one that does not come in time drops the connection', async () => {
    const clock = new SimulatedClock()
    let asked = 0
    await using broker = await startScriptedBroker(() => asked++)
    const connection = await open(broker, { clock })
    const late = rejectsWith(
      connection.request(wire.heartbeat, group('g'), 500),
      'MR_KAFKA_REQUEST_TIMEOUT',
      /Heartbeat in 500 ms/,
    )
    const other = rejectsWith(beat(connection), 'MR_KAFKA_CONNECTION_LOST')
    await eventually('asked', () => asked === 2)
    await clock.advance(500)
    await Promise.all([late, other])
    assert.equal(connection.isOpen, false)
    assert.equal(clock.pendingCount, 0)
  })
})

describe('connection: requests', () => {
  test('records of any size arrive as they are, by reference, behind each other', async () => {
    const sizes = [1, 2_047, 2_048, 70_000, 1_048_576, 3]
    const received: Buffer[] = []
    await using broker = await startScriptedBroker(({ body, answer }) => {
      const { topicData } = body as {
        topicData: readonly { partitionData: readonly { records: Buffer }[] }[]
      }
      received.push(topicData[0]?.partitionData[0]?.records as Buffer)
      answer({ responses: [] })
    })
    const connection = await open(broker)
    const sent = sizes.map((size, seed) => Buffer.alloc(size, seed + 1))
    await Promise.all(
      sent.map((records) => connection.request(wire.produce, produceOf(records), patienceMs)),
    )
    assert.deepEqual(received, sent)
    connection.close()
  })

  test('one without an answer resolves only when the bytes are taken: until then they must not change', async () => {
    let socket: Socket | undefined
    const changed = Buffer.alloc(64, 9)
    let isBroken = false
    let bytes = 0
    await using server = await startRawServer((taken) => {
      socket = taken
      taken.once('data', (request: Buffer) => {
        taken.write(versionsAnswer(taken, request))
        taken.pause()
        taken.on('data', (piece: Buffer) => {
          bytes += piece.length
          isBroken ||= piece.includes(changed)
        })
        taken.pause()
      })
    })
    const connection = await open(server)
    const records = Buffer.alloc(64 * 1024 * 1024, 200) // More than any socket buffer takes.
    let isTold = false
    const told = connection.tell(wire.produce, produceOf(records)).then(() => (isTold = true))
    await systemClock.sleep(50) // To give it the chance to be wrong.
    assert.equal(isTold, false)
    socket?.resume()
    await told
    records.fill(9)
    await eventually('all has arrived', () => bytes > records.length)
    assert.equal(isBroken, false)
    connection.close()
  })

  test('one without an answer fails when the connection ends before the bytes are taken', async () => {
    await using server = await startRawServer((taken) => {
      taken.once('data', (request: Buffer) => {
        taken.write(versionsAnswer(taken, request))
        taken.pause()
      })
    })
    const connection = await open(server)
    const told = connection.tell(wire.produce, produceOf(Buffer.alloc(64 * 1024 * 1024)))
    setImmediate(() => connection.close())
    await rejectsWith(told, 'MR_KAFKA_CONNECTION_LOST', /Produce/)
  })

  test('one that cannot be encoded fails alone', async () => {
    await using broker = await startScriptedBroker(({ answer }) => answer({ errorCode: 0 }))
    const connection = await open(broker)
    const first = beat(connection)
    await assert.rejects(beat(connection, 'x'.repeat(40_000)), { code: 'MR_PROTOCOL_OUT_OF_RANGE' })
    assert.equal((await first).errorCode, 0)
    assert.equal((await beat(connection)).errorCode, 0)
    connection.close()
  })
})

describe('connection: opening', () => {
  for (const { name, said, tells } of [
    {
      name: 'HTTP',
      said: 'HTTP/1.1 400 Bad Request\r\n\r\n',
      tells: /claims a size of 1213486160/,
    },
    { name: 'zeros', said: '\0'.repeat(64), tells: /claims a size of 0/ },
    { name: 'an answer to nothing', said: '\0\0\0\x08\x7f\0\0\0\0\0\0\0', tells: /no answer/ },
    { name: 'half a size', said: '\0\0', tells: /middle of an answer/ },
    { name: 'nothing', said: '', tells: /ended during ApiVersions/ },
  ])
    test(`a server that says ${name} is unreachable, and the error says why`, async () => {
      await using server = await startRawServer((socket) => {
        socket.once('data', () => socket.end(Buffer.from(said, 'latin1')))
      })
      await rejectsWith(open(server), 'MR_KAFKA_UNREACHABLE', tells)
    })

  test('nobody listens there', async () => {
    const server = await startRawServer(() => {})
    await server[Symbol.asyncDispose]()
    await rejectsWith(open(server), 'MR_KAFKA_UNREACHABLE', /ECONNREFUSED/)
  })

  test('a name that stands for several addresses leads to the one that answers', async () => {
    // On most machines ::1 is one of them, where nobody listens: Node then tries the other on a handle that it makes anew.
    await using broker = await startScriptedBroker(({ answer }) => answer(metadataAnswer))
    const connection = await open({ host: 'localhost', port: broker.port })
    assert.equal((await askMetadata(connection)).topics.length, 50)
    connection.close()
  })

  test('a server that takes the connection and says nothing is given up in time', async () => {
    const clock = new SimulatedClock()
    let isAsked = false
    await using server = await startRawServer((socket) => {
      socket.once('data', () => (isAsked = true))
    })
    const opened = rejectsWith(
      open(server, { clock, connectTimeoutMs: 700 }),
      'MR_KAFKA_UNREACHABLE',
      /did not answer ApiVersions in 700 ms/,
    )
    await eventually('asked', () => isAsked)
    await clock.advance(700)
    await opened
    await eventually('its connection is gone', () => server.connections[0]?.readableEnded !== false)
  })
})

describe('connection: SASL', () => {
  const sasl = { mechanism: 'SCRAM-SHA-256', username: 'anna', password: 'pencil' } as const

  test('a server that does not know the password is not believed, and told nothing more', async () => {
    const after: string[] = []
    await using broker = await startScriptedBroker((asked) => {
      if (asked.api.name === 'SaslHandshake') return asked.answer(agreed(sasl))
      if (asked.api.name !== 'SaslAuthenticate') return void after.push(asked.api.name)
      const said = textOf(asked)
      const nonce = /r=(.*)$/.exec(said)?.[1] ?? ''
      const text = said.startsWith('n,,')
        ? `r=${nonce}server,s=${Buffer.from('salt').toString('base64')},i=4096`
        : `v=${Buffer.alloc(32).toString('base64')}`
      asked.answer({ errorCode: 0, errorMessage: null, authBytes: Buffer.from(text) })
    })
    await rejectsWith(
      open(broker, { sasl }),
      'MR_KAFKA_AUTHENTICATION_FAILED',
      /SCRAM-SHA-256 for user "anna": its signature is wrong/,
    )
    await eventually('its connection is gone', () => broker.connections[0]?.destroyed)
    assert.deepEqual(after, [])
  })

  test('a mechanism that the listener lacks is refused with those that it has', async () => {
    await using broker = await startScriptedBroker(({ answer }) =>
      answer({ errorCode: code.UNSUPPORTED_SASL_MECHANISM, mechanisms: ['PLAIN', 'GSSAPI'] }),
    )
    await rejectsWith(
      open(broker, { sasl }),
      'MR_KAFKA_AUTHENTICATION_FAILED',
      /UNSUPPORTED_SASL_MECHANISM\. It offers PLAIN, GSSAPI/,
    )
  })

  test('PLAIN sends user and password apart by NUL; a refusal says what the broker says, never the password', async () => {
    let said = ''
    await using broker = await startScriptedBroker((asked) => {
      if (asked.api.name === 'SaslHandshake') return asked.answer(agreed(plain))
      said = textOf(asked)
      const errorCode = code.SASL_AUTHENTICATION_FAILED
      asked.answer({ errorCode, errorMessage: 'Go away', authBytes: Buffer.alloc(0) })
    })
    await assert.rejects(open(broker, { sasl: plain }), (error) => {
      assert.ok(error instanceof KafkaError)
      assert.equal(error.code, 'MR_KAFKA_AUTHENTICATION_FAILED')
      assert.match(error.message, /Go away/)
      assert.doesNotMatch(JSON.stringify([error.message, error.details]), /spring-water/)
      return true
    })
    assert.equal(said, '\0anna\0spring-water')
  })

  test('a session is renewed before its end; what is asked meanwhile waits, and nothing is done while nothing is asked', async () => {
    const clock = new SimulatedClock()
    const log: string[] = []
    let logins = 0
    let release: (() => void) | undefined
    await using broker = await startScriptedBroker((asked) => {
      log.push(asked.api.name)
      if (asked.api.name === 'SaslHandshake') return asked.answer(agreed(plain))
      if (asked.api.name === 'SaslAuthenticate') {
        const go = (): void => asked.answer(welcome(10_000))
        if (++logins === 2) release = go
        else go()
      } else asked.answer({ errorCode: 0 })
    })
    const connection = await open(broker, { sasl: plain, clock })
    await clock.advance(7_999)
    await beat(connection)
    await clock.advance(60_000)
    assert.deepEqual(log.splice(0), ['SaslHandshake', 'SaslAuthenticate', 'Heartbeat'])
    const beats = Promise.all([beat(connection), beat(connection)])
    await eventually('renewing', () => release)
    const third = beat(connection)
    await clock.advance(1)
    assert.deepEqual(log, ['SaslHandshake', 'SaslAuthenticate'])
    release?.()
    await Promise.all([beats, third])
    await clock.advance(7_998)
    await beat(connection)
    const four = Array.from({ length: 4 }, () => 'Heartbeat')
    assert.deepEqual(log, ['SaslHandshake', 'SaslAuthenticate', ...four])
    assert.equal(broker.connections.length, 1)
    connection.close()
  })

  test('a renewal that is refused ends the connection and fails what waits for it', async () => {
    const clock = new SimulatedClock()
    let count = 0
    await using broker = await startScriptedBroker((asked) => {
      if (asked.api.name === 'SaslHandshake') return asked.answer(agreed(plain))
      const errorCode = count++ === 0 ? 0 : code.SASL_AUTHENTICATION_FAILED
      asked.answer({ ...welcome(10_000), errorCode, errorMessage: 'Gone' })
    })
    const connection = await open(broker, { sasl: plain, clock })
    await clock.advance(8_000)
    await Promise.all(
      [beat(connection), beat(connection)].map((each) =>
        rejectsWith(each, 'MR_KAFKA_AUTHENTICATION_FAILED', /Gone/),
      ),
    )
    assert.equal(connection.isOpen, false)
  })
})

const made = makeCertificates()
const skip = made === undefined ? 'openssl is not installed' : false

describe('connection: TLS', { skip }, () => {
  const { ca, broker: own } = made ?? { ca: '', broker: { cert: '', key: '' } }
  const serve = (tls?: typeof own): Promise<ScriptedBroker> =>
    startScriptedBroker(({ answer }) => answer(metadataAnswer), tls)

  test('answers pass in pieces as TLS cuts them', async () => {
    await using broker = await serve(own)
    const connection = await open(broker, { tls: { ca } })
    const answers = await Promise.all(Array.from({ length: 200 }, () => askMetadata(connection)))
    for (const { topics } of answers) assert.equal(topics.length, 50)
    connection.close()
  })

  test('a certificate is checked against the name that was asked for', async () => {
    await using broker = await serve(own)
    const connection = await open({ host: 'localhost', port: broker.port }, { tls: { ca } })
    assert.equal((await askMetadata(connection)).topics.length, 50)
    connection.close()
  })

  test('a client without TLS on a port that answers in TLS is told so, and does not try again', async () => {
    await using broker = await startRawServer((socket) => {
      // The alert for an unknown version.
      socket.once('data', () => socket.end(Buffer.from([0x15, 3, 3, 0, 2, 2, 70])))
    })
    await rejectsWith(open(broker), 'MR_KAFKA_AUTHENTICATION_FAILED', /speaks TLS/)
  })

  test('a client without TLS on a port with it that only hangs up is told to look at that', async () => {
    await using broker = await serve(own)
    await rejectsWith(open(broker), 'MR_KAFKA_UNREACHABLE', /port is one without TLS/)
  })

  test('a client with TLS on a port without it is told to look at that', async () => {
    await using broker = await startRawServer((socket) => {
      // As a broker does: a ClientHello claims a frame that is too large.
      socket.once('data', () => socket.destroy())
    })
    await rejectsWith(open(broker, { tls: { ca } }), 'MR_KAFKA_UNREACHABLE', /port is one with TLS/)
  })

  test('a client with TLS that is answered otherwise is told so, and does not try again', async () => {
    await using broker = await startRawServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    })
    await rejectsWith(
      open(broker, { tls: { ca } }),
      'MR_KAFKA_AUTHENTICATION_FAILED',
      /no TLS in common/,
    )
  })

  test('a certificate of nobody we know, or of somebody else, is refused', async () => {
    await using broker = await serve(own)
    for (const tls of [true, { ca, serverName: 'elsewhere.example' }])
      await rejectsWith(open(broker, { tls }), 'MR_KAFKA_AUTHENTICATION_FAILED', /certificate/)
  })

  test('texts that are no certificates are refused when the client is made', () => {
    for (const tls of [
      { ca, cert: 'x', key: 'y' },
      { cert: own.cert, key: made?.client.key ?? '' },
    ])
      assert.throws(
        () => securityOf({ brokers: [], clientId: '', tls }),
        (error) => error instanceof KafkaError && error.code === 'MR_KAFKA_BAD_OPTION',
      )
  })
})

const plain = { mechanism: 'PLAIN', username: 'anna', password: 'spring-water' } as const

function agreed({ mechanism }: SaslOptions): object {
  return { errorCode: 0, mechanisms: [mechanism] }
}

function welcome(lifetimeMs: number): object {
  return {
    errorCode: 0,
    errorMessage: null,
    authBytes: Buffer.alloc(0),
    sessionLifetimeMs: BigInt(lifetimeMs),
  }
}

function textOf({ body }: Asked): string {
  return (body['authBytes'] as Buffer).toString()
}

function produceOf(records: Buffer) {
  const partitionData = [{ index: 0, records }]
  return { acks: -1, timeoutMs: 1_000, topicData: [{ name: 't', partitionData }] }
}
