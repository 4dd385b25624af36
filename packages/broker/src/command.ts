import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { MillraceError, toError, type LogFields, type Logger } from '@millrace/core'
import { startInThread } from './broker.ts'
import { parseFaultRule, type FaultRule } from './control/fault-rule.ts'
import { BrokerError } from './errors.ts'
import { checkOptions, type BrokerOptions, type TopicOption } from './options.ts'
import type { ListenerOption } from './net/listener-options.ts'
import { readSecurityFile } from './security/security-file.ts'

const USAGE = `millrace-broker --dir DIRECTORY [options]

An embedded broker that speaks the Kafka protocol. Prints {"event":"ready","port":N} on stdout when it accepts connections;
logs go to stderr as JSON lines. SIGTERM and SIGINT stop it in order.

  --dir DIRECTORY          data directory, made when missing (required)
  --port PORT              default 9092; 0 takes any free port
  --listener JSON          a listener of several, in place of --port; may be repeated: name, port, host, advertisedHost, tls false, sasl false
                           --listener '{"name":"plain","port":9092,"tls":false}' --listener '{"name":"tls","port":9093}'
  --host ADDRESS           address to listen on, default 127.0.0.1
  --advertised-host HOST   host that clients are told to connect to
  --fsync MODE             os (default), group or always
  --create TOPIC:COUNT     make sure of a topic with so many partitions; may be repeated
  --default-partitions N   partitions of topics created on demand, default 1
  --no-auto-create         do not create topics on demand
  --consumer-session MS    session of members of groups of the new protocol (KIP-848), default 45000
  --consumer-heartbeat MS  how often those heartbeat, default 1000
  --nodes N                virtual nodes, each on a port of its own (PORT, PORT + 1, …), default 1
  --from SNAPSHOT          start from a snapshot when DIRECTORY holds no data yet
  --security FILE          TLS, SASL, users and access rules from a JSON file; see the README
  --admin-port PORT        serve faults, waits and inspection as HTTP on 127.0.0.1; 0 takes any free port
  --admin-host ADDRESS     address to serve them on; another than loopback only with a token
  --admin-token-file FILE  what callers of the admin port must show, as Authorization: Bearer
  --fault JSON             set a fault before the first client connects; may be repeated. A kill is a real SIGKILL here:
                           --fault '{"match":{"api":"EndTxn"},"action":{"type":"kill","atWrite":2}}'
  --verbose                log debug lines too
  --help                   this text
`

/** Certificates and mechanisms come from the security file. */
const listenerFields = ['name', 'port', 'host', 'advertisedHost', 'tls', 'sasl']

/** Runs the broker as a process of its own until it is told to stop. */
export async function runCommand(): Promise<void> {
  await start().catch(fail)
}

async function start(): Promise<void> {
  const args = parse()
  if (args === undefined) return
  checkOptions(args)
  const broker = await startInThread({ ...args, worker: false, killProcess })
  const stop = (): void => {
    broker.close().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    )
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  // Last: whoever reads this line may send a signal at once.
  const { port, host, nodes, listeners, adminPort } = broker
  const ready = {
    event: 'ready',
    port,
    host,
    pid: process.pid,
    ...(nodes.length > 1 ? { nodes } : {}),
    ...(listeners.length > 1 ? { listeners } : {}),
    ...(adminPort === undefined ? {} : { adminPort }),
  }
  process.stdout.write(`${JSON.stringify(ready)}\n`)
}

/** As kill -9: nothing of this process runs after it. */
function killProcess(): never {
  process.kill(process.pid, 'SIGKILL')
  throw new Error('The process outlived its own SIGKILL')
}

function readArguments() {
  return parseArgs({
    options: {
      dir: { type: 'string' },
      port: { type: 'string', default: '9092' },
      listener: { type: 'string', multiple: true, default: [] },
      host: { type: 'string', default: '127.0.0.1' },
      'advertised-host': { type: 'string' },
      fsync: { type: 'string', default: 'os' },
      create: { type: 'string', multiple: true, default: [] },
      'default-partitions': { type: 'string', default: '1' },
      'no-auto-create': { type: 'boolean', default: false },
      'consumer-session': { type: 'string', default: '45000' },
      'consumer-heartbeat': { type: 'string', default: '1000' },
      verbose: { type: 'boolean', default: false },
      nodes: { type: 'string', default: '1' },
      from: { type: 'string' },
      'admin-port': { type: 'string' },
      'admin-host': { type: 'string' },
      'admin-token-file': { type: 'string' },
      security: { type: 'string' },
      fault: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  }).values
}

function parse(): BrokerOptions | undefined {
  let values: ReturnType<typeof readArguments>
  try {
    values = readArguments()
  } catch (error) {
    throw badOption(`${toError(error).message} See --help. The broker was not started.`, error)
  }
  if (values.help) {
    process.stdout.write(USAGE)
    return undefined
  }
  if (values.dir === undefined)
    throw badOption('--dir DIRECTORY is missing. See --help. The broker was not started.')
  const { from, security } = values
  const advertisedHost = values['advertised-host']
  const adminPort = values['admin-port']
  const adminHost = values['admin-host']
  const adminTokenFile = values['admin-token-file']
  return {
    dir: values.dir,
    nodes: Number(values.nodes),
    faults: values.fault.map(parseFault),
    ...(from === undefined ? {} : { from }),
    ...(security === undefined ? {} : { security: readSecurityFile(security) }),
    ...(adminPort === undefined ? {} : { adminPort: Number(adminPort) }),
    ...(adminHost === undefined ? {} : { adminHost }),
    ...(adminTokenFile === undefined ? {} : { adminToken: readToken(adminTokenFile) }),
    ...(values.listener.length === 0
      ? { port: Number(values.port) }
      : { listeners: values.listener.map(parseListener) }),
    host: values.host,
    ...(advertisedHost === undefined ? {} : { advertisedHost }),
    fsync: values.fsync as NonNullable<BrokerOptions['fsync']>,
    defaultPartitions: Number(values['default-partitions']),
    autoCreateTopics: !values['no-auto-create'],
    consumerSessionTimeoutMs: Number(values['consumer-session']),
    consumerHeartbeatIntervalMs: Number(values['consumer-heartbeat']),
    topics: values.create.map(parseTopic),
    logger: jsonLogger(values.verbose, {}),
  }
}

function parseTopic(text: string): TopicOption {
  const match = /^(.+):(\d+)$/.exec(text)
  if (match?.[1] === undefined)
    throw badOption(
      `--create ${text} is not of the form topic:partitions. The broker was not started.`,
    )
  return { name: match[1], partitions: Number(match[2]) }
}

function parseListener(text: string): ListenerOption {
  try {
    const option = JSON.parse(text) as ListenerOption
    const unknown = Object.keys(option).filter((name) => !listenerFields.includes(name))
    if (unknown.length > 0) throw new Error(`it knows no ${unknown.join(', ')}`)
    return option
  } catch (error) {
    throw badOption(
      `--listener ${text} cannot be opened: ${toError(error).message}. The broker was not started.`,
      error,
    )
  }
}

/** From a file, since the process table is everybody's. */
function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw badOption(
      `--admin-token-file ${file} cannot be read: ${toError(error).message}. The broker was not started.`,
      error,
    )
  }
}

function parseFault(text: string): FaultRule {
  try {
    return parseFaultRule(JSON.parse(text))
  } catch (error) {
    throw badOption(
      `--fault ${text} cannot be set: ${toError(error).message} The broker was not started.`,
      error,
    )
  }
}

function badOption(message: string, cause?: unknown): BrokerError {
  return new BrokerError('MR_BROKER_BAD_OPTION', message, {}, cause === undefined ? {} : { cause })
}

/** JSON lines on stderr: stdout belongs to the ready line. */
function jsonLogger(isVerbose: boolean, base: LogFields): Logger {
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}): void => {
      const time = new Date().toISOString()
      const line = JSON.stringify({ time, level, message, ...base, ...fields }, withErrors)
      process.stderr.write(`${line}\n`)
    }
  return {
    debug: isVerbose ? at('debug') : () => {},
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => jsonLogger(isVerbose, { ...base, ...fields }),
  }
}

function withErrors(_name: string, value: unknown): unknown {
  return value instanceof Error ? { message: value.message, stack: value.stack } : value
}

function fail(thrown: unknown): void {
  const error = toError(thrown)
  const code = error instanceof MillraceError ? error.code : undefined
  process.stderr.write(`${JSON.stringify({ event: 'failed', code, message: error.message })}\n`)
  process.exit(1)
}
