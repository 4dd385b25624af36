// Builds apps/web/dist when the sources changed since the last build; else does nothing, in a few
// milliseconds. Runs at install (root `postinstall`) and from the supervisor through
// `buildWebIfStale()`. Plain JavaScript for the host's Node 20; Vite itself runs in a child process
// on the Node that npm brought, so neither the host's version nor Vite's memory reaches the caller.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))
const web = path.join(root, 'apps/web')
const stampName = '.stamp'
const ignoredFolders = new Set(['dist', 'node_modules', 'test', '.cache'])
const ignoredFiles = /\.(test\.ts|md)$|^\./

/** Where the built app lies; the gateway serves this folder. */
export const webDist = path.join(web, 'dist')

/**
 * Builds the web app unless `dist` was built from exactly these sources.
 * The new build replaces the old one by a rename, so a server reading `dist` never sees half of it,
 * and two builds at once do no harm.
 * @param {{ onStart?: () => void }} [options] `onStart` is called only when a build is needed
 * @returns {Promise<{ built: boolean, tookMs: number }>}
 * @throws {Error} with Vite's output when the build fails; `dist` is left as it was
 */
export async function buildWebIfStale({ onStart } = {}) {
  const beganAtMs = performance.now()
  const stamp = sourceStamp()
  if (currentStamp() === stamp) return { built: false, tookMs: performance.now() - beganAtMs }
  onStart?.()
  const scratch = path.join(web, '.cache', `build-${process.pid}-${Date.now()}`)
  const next = path.join(scratch, 'next')
  await mkdir(scratch, { recursive: true })
  try {
    await runVite(next)
    await writeFile(path.join(next, stampName), stamp)
    await swapIn(next, path.join(scratch, 'old'))
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
  return { built: true, tookMs: performance.now() - beganAtMs }
}

/** One hash over names and contents of all that goes into the bundle, the library versions included. */
function sourceStamp() {
  const hash = createHash('sha256')
  for (const file of [...sourceFiles(web), path.join(root, 'package-lock.json')]) {
    if (!existsSync(file)) continue
    hash.update(path.relative(root, file)).update('\0').update(readFileSync(file)).update('\0')
  }
  return hash.digest('hex')
}

function* sourceFiles(folder) {
  const entries = readdirSync(folder, { withFileTypes: true })
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of entries) {
    if (entry.isDirectory()) {
      if (!ignoredFolders.has(entry.name)) yield* sourceFiles(path.join(folder, entry.name))
    } else if (!ignoredFiles.test(entry.name)) yield path.join(folder, entry.name)
  }
}

function currentStamp() {
  const file = path.join(webDist, stampName)
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

/** Another builder may swap at the same moment: then its `dist` is moved away in the next round. */
async function swapIn(next, old) {
  for (let attempt = 1; ; attempt++) {
    if (existsSync(webDist)) {
      await rename(webDist, `${old}-${attempt}`).catch(ignoreMissing)
    }
    try {
      await rename(next, webDist)
      return
    } catch (error) {
      if (attempt >= 10 || !['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(error.code)) throw error
    }
  }
}

function ignoreMissing(error) {
  if (error.code !== 'ENOENT') throw error
}

function runVite(outDir) {
  const vite = path.join(root, 'node_modules/vite/bin/vite.js')
  if (!existsSync(vite)) {
    throw new Error(
      'Vite is not installed (development dependencies were left out). Run `npm ci` without --omit=dev.',
    )
  }
  return new Promise((resolve, reject) => {
    const child = spawn(
      newestNode(),
      [vite, 'build', '--outDir', outDir, '--emptyOutDir', '--logLevel', 'warn'],
      {
        cwd: web,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, NODE_ENV: 'production', NO_COLOR: '1' },
      },
    )
    let output = ''
    const keep = (chunk) => (output = (output + chunk).slice(-8000))
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`Vite ended with code ${code}:\n${output.trim()}`))
    })
  })
}

/** The Node that npm brought as a platform package; the host's own where no package fits. */
function newestNode() {
  const names = ['bin/node', 'bin/node.exe']
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const folder = path.join(root, 'node_modules', `node-${platform}-${process.arch}`)
  const found = names.map((name) => path.join(folder, name)).find((file) => existsSync(file))
  return found ?? process.execPath
}

async function main() {
  const atInstall = process.env.npm_lifecycle_event === 'postinstall'
  try {
    const { built, tookMs } = await buildWebIfStale({
      onStart: () => console.log('millrace: building the web app'),
    })
    if (built) console.log(`millrace: web app built in ${(tookMs / 1000).toFixed(1)} s`)
  } catch (error) {
    console.warn(`millrace: the web app could not be built. ${error.message}`)
    if (!atInstall) process.exitCode = 1
    else console.warn('millrace: the install goes on; `npm start` will try again.')
  }
}

if (
  process.argv[1] !== undefined &&
  path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)
) {
  await main()
}
