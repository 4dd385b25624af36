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
import { EmbeddedError } from './errors.ts'

/**
 * Makes the data directory unless it is there, and returns the superuser's password, which stands in `dir/password` (0600).
 * The directory is made under another name and renamed at the end, so a crash never leaves half a one.
 * @throws EmbeddedError `MR_EMBEDDED_BAD_DATA`, `MR_EMBEDDED_INIT_FAILED`
 */
export async function prepareData(
  binaries: Binaries,
  placement: Placement,
  dir: string,
): Promise<string> {
  const passwordFile = join(dir, 'password')
  if (!existsSync(join(placement.dataDir, 'PG_VERSION'))) await initialise(placement, passwordFile)
  checkVersion(binaries, placement.dataDir)
  if (!existsSync(passwordFile)) {
    throw new EmbeddedError(
      'MR_EMBEDDED_BAD_DATA',
      `The file ${passwordFile} is gone, and with it the password of the Postgres data beside it. Restore it, or begin afresh with an empty directory (npm start -- --fresh).`,
      { passwordFile },
    )
  }
  if (placement.owner) giveTo(placement.dataDir, placement.owner)
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

async function initialise(placement: Placement, passwordFile: string): Promise<void> {
  const { dataDir } = placement
  clearLeftovers(dataDir)
  const password = randomBytes(24).toString('hex')
  const freshDir = `${dataDir}.init-${process.pid}`
  const passwordForInitdb = `${freshDir}.password`
  try {
    mkdirSync(freshDir, { mode: 0o700 })
    writeFileSync(passwordForInitdb, `${password}\n`, { mode: 0o600 })
    for (const path of [freshDir, passwordForInitdb])
      if (placement.owner) giveTo(path, placement.owner)
    await runInitdb(placement, freshDir, passwordForInitdb)
    writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 })
    renameSync(freshDir, dataDir)
  } finally {
    rmSync(passwordForInitdb, { force: true })
    rmSync(freshDir, { recursive: true, force: true })
  }
}

/** What an initdb that was killed left behind, and an empty or half data directory that somebody made by hand. */
function clearLeftovers(dataDir: string): void {
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

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
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
  const child = spawn(file ?? '', args, {
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

/** Nothing of our own environment but the path: PGDATA, PGPORT, LC_ALL and the like would change the server. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  const { PATH, SystemRoot, TEMP } = process.env
  return {
    LC_ALL: 'C',
    TZ: 'UTC',
    ...(PATH && { PATH }),
    ...(SystemRoot && { SystemRoot }),
    ...(TEMP && { TEMP }),
  }
}
