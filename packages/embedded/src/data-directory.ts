import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { giveTo, type Placement } from './account.ts'
import type { Binaries } from './binaries.ts'
import { serverEnvironment } from './config.ts'
import { EmbeddedError } from './errors.ts'
import { isAlive } from './process-table.ts'

/** Kept inside the data directory, so that the two come into being, move and vanish together. */
const passwordName = 'superuser-password'

/**
 * Makes the data directory unless it is there, and returns the superuser's password. The directory is made under another name and
 * renamed at the end, so a crash never leaves half a one, and of two processes that do it at once one wins.
 * @throws EmbeddedError `MR_EMBEDDED_BAD_DATA`, `MR_EMBEDDED_INIT_FAILED`
 */
export async function prepareData(binaries: Binaries, placement: Placement): Promise<string> {
  const { dataDir, owner } = placement
  if (!existsSync(join(dataDir, 'PG_VERSION'))) await initialise(placement)
  checkVersion(binaries, dataDir)
  const passwordFile = join(dataDir, passwordName)
  if (!existsSync(passwordFile)) {
    throw new EmbeddedError(
      'MR_EMBEDDED_BAD_DATA',
      `The file ${passwordFile} is gone, and with it the superuser's password. Restore it, or begin afresh with an empty directory (npm start -- --fresh).`,
      { passwordFile },
    )
  }
  if (owner) giveTo(dataDir, owner)
  return readFileSync(passwordFile, 'utf8').trim()
}

function checkVersion(binaries: Binaries, dataDir: string): void {
  const version = readFileSync(join(dataDir, 'PG_VERSION'), 'utf8').trim()
  if (version === String(binaries.majorVersion)) return
  throw new EmbeddedError(
    'MR_EMBEDDED_BAD_DATA',
    `The data in ${dataDir} was written by Postgres ${version}, this is Postgres ${binaries.majorVersion}, which cannot read it. Begin afresh with an empty directory (npm start -- --fresh), or serve it with Postgres ${version} and set DATABASE_URL.`,
    { dataDir, dataVersion: version, serverVersion: binaries.majorVersion },
  )
}

async function initialise(placement: Placement): Promise<void> {
  const { dataDir, owner } = placement
  clearFailedInits(dataDir)
  const password = randomBytes(24).toString('hex')
  const freshDir = `${dataDir}.init-${process.pid}-${randomBytes(4).toString('hex')}`
  const passwordForInitdb = `${freshDir}.password`
  try {
    mkdirSync(freshDir, { mode: 0o700 })
    writeFileSync(passwordForInitdb, `${password}\n`, { mode: 0o600 })
    if (owner) for (const path of [freshDir, passwordForInitdb]) giveTo(path, owner)
    await runInitdb(placement, freshDir, passwordForInitdb)
    renameSync(passwordForInitdb, join(freshDir, passwordName))
    renameSync(freshDir, dataDir)
  } catch (error) {
    const isMadeByAnother = /^(EEXIST|ENOTEMPTY)$/.test((error as NodeJS.ErrnoException).code ?? '')
    if (!isMadeByAnother) throw error
  } finally {
    rmSync(passwordForInitdb, { force: true })
    rmSync(freshDir, { recursive: true, force: true })
  }
}

/** What an initdb that was killed left behind, and an empty or half data directory that somebody made by hand. */
function clearFailedInits(dataDir: string): void {
  const prefix = `${basename(dataDir)}.init-`
  for (const name of readdirSync(dirname(dataDir)))
    if (name.startsWith(prefix) && !isAlive(Number.parseInt(name.slice(prefix.length), 10)))
      rmSync(join(dirname(dataDir), name), { recursive: true, force: true })
  if (!existsSync(dataDir)) return
  if (readdirSync(dataDir).length > 0) {
    throw new EmbeddedError(
      'MR_EMBEDDED_BAD_DATA',
      `${dataDir} holds files but no PG_VERSION, so it is not a Postgres data directory. Move it away; nothing was changed.`,
      { dataDir },
    )
  }
  rmSync(dataDir, { recursive: true })
}

/** The builtin C.UTF-8 locale sorts alike on every machine. `--no-sync`: only a power cut in the first seconds could harm, and it begins empty. */
async function runInitdb(
  placement: Placement,
  dataDir: string,
  passwordFile: string,
): Promise<void> {
  const [file, ...args] = placement.command('initdb', [
    `--pgdata=${dataDir}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    '--no-sync',
    '--no-instructions',
  ])
  const { promise, resolve } = Promise.withResolvers<{
    readonly code: number | null
    readonly log: string
  }>()
  let log = ''
  const child = spawn(file, args, {
    ...placement.spawnAs,
    cwd: dataDir,
    env: serverEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => void (log = (log + text).slice(-4_000)))
  child.on('error', (error) => resolve({ code: null, log: error.message }))
  child.on('close', (code) => resolve({ code, log }))
  const end = await promise
  if (end.code === 0) return
  throw new EmbeddedError(
    'MR_EMBEDDED_INIT_FAILED',
    `initdb could not make ${dataDir}: ${end.log.trim() || `it ended with ${end.code}`}. Nothing was left behind.${musl(end.log)}`,
    { dataDir, log: end.log },
  )
}

/** On a musl system the file is there and yet "cannot be found": its loader is missing. */
function musl(log: string): string {
  return /ENOENT|not found/.test(log) && process.platform === 'linux'
    ? ' The binaries need glibc 2.27 or newer (Alpine has none); use DATABASE_URL there.'
    : ''
}
