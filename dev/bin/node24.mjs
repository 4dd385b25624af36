// Plain JavaScript that Node 18 can parse: it runs before anything else and finds the right Node.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const needed = [24, 6]

/** Runs a TypeScript file of this repository on Node 24.6 or later, with the arguments this process was given. */
export async function runOnNode24(fileUrl) {
  const file = fileURLToPath(fileUrl)
  if (isNewEnough(process.versions.node)) {
    process.argv[1] = file
    await import(fileUrl)
    return
  }
  const bundled = bundledNode()
  if (bundled === undefined) {
    console.error(
      `Millrace needs Node ${needed.join('.')} or later; this is ${process.versions.node}, and npm has no Node 24 package for ` +
        `${process.platform}-${process.arch}. Install Node 24, or run "npm ci" again if node_modules is missing.`,
    )
    process.exit(1)
  }
  const child = spawn(bundled, [file, ...process.argv.slice(2)], { stdio: 'inherit' })
  // The terminal sends Ctrl C to both; this process only waits for the other's end.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => signal !== 'SIGINT' && child.kill(signal))
  }
  child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)))
}

function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number)
  return major > needed[0] || (major === needed[0] && minor >= needed[1])
}

/** The Node 24 that npm installed for this platform, if there is one. */
export function bundledNode() {
  const name = process.platform === 'win32' ? 'win' : process.platform
  const binary = process.platform === 'win32' ? ['node.exe'] : ['bin', 'node']
  const path = join(root, 'node_modules', `node-${name}-${process.arch}`, ...binary)
  return existsSync(path) ? path : undefined
}
