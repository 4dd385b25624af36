import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { copyBinaries, linkLibraries, type Binaries } from './binaries.ts'
import { EmbeddedError } from './errors.ts'

/** A user that programs can run as. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

/** A program and its arguments. */
export type Command = readonly [file: string, ...args: string[]]

/** How and where Postgres' programs run. */
export interface Placement {
  readonly kind: PlacementKind
  readonly nativeDir: string
  /** The data directory; differs from the wanted one only under `copy`. */
  readonly dataDir: string
  /** Whom the data files belong to; undefined: whoever we are. */
  readonly owner: Account | undefined
  /** What really is started to run that program. */
  command(program: 'initdb' | 'postgres' | 'pg_ctl', args: readonly string[]): Command
  /** Options of `spawn` that go with it. */
  readonly spawnAs: Partial<Account>
}

/**
 * - `direct`: as ourselves; we are not root.
 * - `account`: root starts it under `postgres` or `nobody`, which can read the binaries and reach the data.
 * - `namespace`: root starts it in a user namespace, where root's files seem to belong to nobody. Works below root's own home.
 * - `copy`: root starts it under an account, from a copy of the binaries, and with the data elsewhere where it cannot be reached.
 */
export type PlacementKind = 'direct' | 'account' | 'namespace' | 'copy'

const nobody = 65534

/**
 * Finds a way to run Postgres, which refuses root, with its data in `dir/data`.
 * @param force for tests: try this way alone
 * @throws EmbeddedError `MR_EMBEDDED_NO_ACCOUNT`
 */
export function placeServer(binaries: Binaries, dir: string, force?: PlacementKind): Placement {
  const dataDir = join(dir, 'data')
  if (process.getuid?.() !== 0) return direct(binaries, dataDir)
  const isWanted = (kind: PlacementKind): boolean => force === undefined || force === kind
  const account = findAccount()
  const isLinked = linkLibraries(binaries.nativeDir)
  if (isWanted('account') && account && isLinked && canReach(account, binaries.nativeDir, dir))
    return asAccount('account', binaries.nativeDir, dataDir, account)
  if (isWanted('namespace') && isLinked && namespacesWork())
    return inNamespace(binaries.nativeDir, dataDir)
  const shared = account && [tmpdir(), '/var/tmp', '/tmp'].find((each) => mayEnter(account, each))
  if (isWanted('copy') && account && shared) {
    const place = mayEnter(account, dir) ? dataDir : dataElsewhere(dir, account)
    return asAccount('copy', copyBinaries(binaries, shared), place, account)
  }
  throw new EmbeddedError(
    'MR_EMBEDDED_NO_ACCOUNT',
    `Postgres refuses to run as root, and it can run as nobody else here: ${account ? `uid ${account.uid} cannot read ${binaries.nativeDir} or ${dir}` : '/etc/passwd names neither postgres nor nobody'}, and user namespaces are off. Start Millrace as an ordinary user, or point DATABASE_URL at a Postgres of your own.`,
    { dir, nativeDir: binaries.nativeDir },
  )
}

function direct(binaries: Binaries, dataDir: string): Placement {
  const nativeDir = linkLibraries(binaries.nativeDir)
    ? binaries.nativeDir
    : copyBinaries(binaries, tmpdir())
  return {
    kind: 'direct',
    nativeDir,
    dataDir,
    owner: undefined,
    command: (program, args) => [join(nativeDir, 'bin', program), ...args],
    spawnAs: {},
  }
}

function asAccount(
  kind: PlacementKind,
  nativeDir: string,
  dataDir: string,
  account: Account,
): Placement {
  return {
    kind,
    nativeDir,
    dataDir,
    owner: account,
    command: (program, args) => [join(nativeDir, 'bin', program), ...args],
    spawnAs: { uid: account.uid, gid: account.gid },
  }
}

/** Inside, root's files belong to uid 65534 and the process runs as it; outside, all still belongs to root. */
function inNamespace(nativeDir: string, dataDir: string): Placement {
  return {
    kind: 'namespace',
    nativeDir,
    dataDir,
    owner: { uid: 0, gid: 0 },
    command: (program, args) => [...namespaceCommand, join(nativeDir, 'bin', program), ...args],
    spawnAs: {},
  }
}

const namespaceCommand = [
  'unshare',
  '--user',
  `--map-user=${nobody}`,
  `--map-group=${nobody}`,
  '--',
] as const

function namespacesWork(): boolean {
  const [file, ...args] = namespaceCommand
  return spawnSync(file, [...args, 'true'], { stdio: 'ignore' }).status === 0
}

/** `postgres`, or else `nobody`. A uid without an entry is of no use: initdb asks for its name. */
function findAccount(): Account | undefined {
  const accounts = new Map<string, Account>()
  const passwd = existsSync('/etc/passwd') ? readFileSync('/etc/passwd', 'utf8') : ''
  for (const line of passwd.split('\n')) {
    const [name, , uid, gid] = line.split(':')
    if (name && uid && gid && Number(uid) !== 0)
      accounts.set(name, { uid: Number(uid), gid: Number(gid) })
  }
  return accounts.get('postgres') ?? accounts.get('nobody')
}

function canReach(account: Account, nativeDir: string, dir: string): boolean {
  return (
    mayEnter(account, dir) &&
    ['bin', 'lib', 'share'].every((part) => mayEnter(account, join(nativeDir, part))) &&
    mayRead(account, join(nativeDir, 'bin', 'postgres')) &&
    mayRead(account, join(nativeDir, 'pg-symlinks.json'))
  )
}

/** Whether the account may pass through `path` and everything above it. */
function mayEnter(account: Account, path: string): boolean {
  for (let at = realpathSync(path); ; at = dirname(at)) {
    if ((permissionsOf(account, at) & 1) === 0) return false
    if (at === dirname(at)) return true
  }
}

function mayRead(account: Account, file: string): boolean {
  return !existsSync(file) || (permissionsOf(account, file) & 4) !== 0
}

/** The bits rwx of the account by owner, group or rest; supplementary groups are dropped when we start something. */
function permissionsOf(account: Account, path: string): number {
  const stats = statSync(path)
  if (stats.uid === account.uid) return (stats.mode >> 6) & 7
  return stats.gid === account.gid ? (stats.mode >> 3) & 7 : stats.mode & 7
}

/**
 * A data directory outside `dir`, which the account cannot reach. It belongs to `dir`: a file there names it, and without that file
 * (say, after `dir` was deleted to begin afresh) older data found there is thrown away.
 */
function dataElsewhere(dir: string, account: Account): string {
  const key = createHash('sha256').update(realpathSync(dir)).digest('hex').slice(0, 16)
  const parent = join('/var/tmp', `millrace-postgres-data-${key}`)
  const marker = join(dir, 'data-location')
  const stats = lstatSync(parent, { throwIfNoEntry: false })
  const isOurs = stats?.isDirectory() === true && stats.uid === account.uid
  if (stats && (!isOurs || !existsSync(marker))) rmSync(parent, { recursive: true, force: true })
  mkdirSync(parent, { recursive: true, mode: 0o700 })
  giveTo(parent, account)
  writeFileSync(marker, `${parent}\n`)
  return join(parent, 'data')
}

/** Hands a file or folder, with all in it, to the account unless it has it already. */
export function giveTo(path: string, account: Account): void {
  if (statSync(path).uid === account.uid) return
  execFileSync('chown', ['-R', `${account.uid}:${account.gid}`, path])
}
