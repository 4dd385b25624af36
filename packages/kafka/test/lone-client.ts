/**
 * A process that holds one client and nothing else: `node lone-client.ts <what> <host:port> <topic>`. It says a line for what happens and
 * `end` when its work is over; then it ends by itself, as nothing of a closed client may keep it. A process that ends without saying so
 * has ended because all that it waited for were timers that keep no process alive.
 */
import {
  createAdmin,
  createConsumer,
  createProducer,
  createTransactionalProducer,
  KafkaError,
  type Consumer,
} from '../src/index.ts'

const [what = '', address = '', topic = ''] = process.argv.slice(2)
const kafka = { brokers: [address], clientId: 'lone', requestTimeoutMs: 1_000 } as const

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function sayOutcome(work: Promise<unknown>): Promise<void> {
  try {
    await work
    say('done')
  } catch (error) {
    say(error instanceof KafkaError ? error.code : String(error))
  }
}

const record = { topic, key: null, value: 'from a lone process' }

async function send(deliveryTimeoutMs: number, lingerMs = 0): Promise<void> {
  await using producer = await createProducer({ ...kafka, deliveryTimeoutMs, lingerMs })
  await sayOutcome(producer.send([record]))
}

async function transact(): Promise<void> {
  const options = { ...kafka, deliveryTimeoutMs: 1_500, transactionalId: `lone-${topic}` }
  await using producer = await createTransactionalProducer(options)
  await sayOutcome(
    (async () => {
      await producer.begin()
      await producer.send([record])
      await producer.commit()
    })(),
  )
}

/** Says the values of records until one of them says `stop`. */
async function read(consumer: Consumer): Promise<void> {
  say('reads')
  for await (const batch of consumer) {
    const values = batch.records.map(({ value }) => String(value))
    for (const value of values) say(value)
    if (values.includes('stop')) break
  }
  await consumer.close()
}

async function readInGroup(groupProtocol: 'classic' | 'consumer'): Promise<void> {
  const groupId = `lone-${topic}`
  await read(await createConsumer({ ...kafka, groupId, topics: [topic], groupProtocol }))
}

async function readAssigned(): Promise<Consumer> {
  const consumer = await createConsumer(kafka)
  consumer.assign([{ topic, partition: 0, offset: 'earliest' }])
  return consumer
}

async function closeSoon(consumer: Consumer): Promise<void> {
  setTimeout(() => void consumer.close(), 1_500)
  await read(consumer)
}

const works: Readonly<Record<string, () => Promise<void>>> = {
  send: () => send(1_500),
  'send through an outage': () => send(60_000),
  'linger through an outage': () => send(60_000, 4_000),
  transact,
  list: async () => {
    await using admin = await createAdmin(kafka)
    await sayOutcome(admin.listTopics())
  },
  'read in a group': () => readInGroup('classic'),
  'read in a consumer group': () => readInGroup('consumer'),
  'read what is assigned': async () => read(await readAssigned()),
  'read what is paused': async () => {
    const consumer = await readAssigned()
    consumer.pause([{ topic, partition: 0 }])
    process.once('SIGUSR2', () => consumer.resume([{ topic, partition: 0 }]))
    await read(consumer)
  },
  'read in a group, close': async () =>
    closeSoon(await createConsumer({ ...kafka, groupId: `lone-${topic}`, topics: [topic] })),
  'read what is assigned, close': async () => closeSoon(await readAssigned()),
}

const work = works[what]
if (!work) throw new Error(`There is no "${what}": ${Object.keys(works).join(', ')}.`)
// Not awaited by the module: Node says nothing about a promise that is never settled, and ends with code 0.
void work().then(() => say('end'))
