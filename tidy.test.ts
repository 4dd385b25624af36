import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'

/** Layers of the house: a package imports only from lower layers. STYLE section 2 is the source. */
const layers: Readonly<Record<string, number>> = {
  core: 0,
  protocol: 1,
  events: 1,
  /** Built on `events`, below everything that does I/O. */
  contracts: 1.5,
  broker: 2,
  kafka: 2,
  postgres: 2,
  outbox: 3,
  inbox: 3,
  streams: 3,
  embedded: 3,
  runtime: 4,
  discussions: 5,
  'discussion-analytics': 5,
  gateway: 5,
  tracking: 5,
  users: 5,
  catalog: 5,
  payments: 5,
  stock: 5,
  orders: 5,
  'order-saga': 5,
  web: 6,
  dev: 7,
  bench: 7,
}
/** `runtime` stands beside the layer of outbox and inbox: it may not import them. `web` sees contracts only. */
const allowedOnly: Readonly<Record<string, readonly string[]>> = {
  runtime: ['core', 'protocol', 'events', 'broker', 'kafka', 'postgres'],
  web: ['contracts'],
}
/** Wrapped libraries and the one package that may import them. */
const soleImporters: Readonly<Record<string, string>> = {
  // A peer that we are measured against; tests show why it is no more than that.
  '@platformatic/kafka': 'bench',
  pg: 'postgres',
}
/** Instruments of tests: no source file imports them, but those of the benchmarks, which ship no more than tests do. */
const testOnly = ['testkit']

interface SourceFile {
  readonly path: string
  /** Short name of the workspace it belongs to, '' for the root. */
  readonly owner: string
  readonly folder: string
  readonly isTest: boolean
  readonly text: string
  readonly imports: readonly string[]
  /** Without `import type`: what is loaded when the file is. */
  readonly loaded: readonly string[]
}

const root = import.meta.dirname
const workspaces = globSync(
  [
    'packages/*/package.json',
    'services/*/package.json',
    'apps/*/package.json',
    'contracts/package.json',
    'dev/package.json',
    'bench/package.json',
  ],
  { cwd: root },
).map((path) => ({
  folder: dirname(path),
  name: (JSON.parse(readFileSync(join(root, path), 'utf8')) as { name: string }).name.replace(
    '@millrace/',
    '',
  ),
}))
const files = readSources()

function readSources(): readonly SourceFile[] {
  return workspaces.flatMap(({ folder, name }) =>
    globSync([`${folder}/**/*.ts`, `${folder}/**/*.tsx`], {
      cwd: root,
      exclude: (entry) => entry === 'node_modules' || entry === 'dist',
    }).map((path) => {
      const text = readFileSync(join(root, path), 'utf8')
      const isTest =
        /\.(test|bench|contract)\.ts$|\/test\/|\/oracle\/|\/testing\.ts$|-testing\.ts$/.test(path)
      const loaded = importsOf(
        text.replaceAll(/^(import|export) type\b[^'"`;]*?from\s*['"][^'"]+['"]/gm, ''),
      )
      return { path, owner: name, folder, isTest, text, imports: importsOf(text), loaded }
    }),
  )
}

function importsOf(text: string): readonly string[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const found = code.matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g,
  )
  return [...found].map((match) => match[1] ?? match[2] ?? match[3] ?? '')
}

function ownerOf(specifier: string): string | undefined {
  return /^@millrace\/([^/]+)/.exec(specifier)?.[1]
}

function listed(faults: readonly string[]): string {
  return `\n  ${faults.join('\n  ')}`
}

test('tidy: every workspace has its layer here', () => {
  const unknown = workspaces
    .map((workspace) => workspace.name)
    .filter((name) => layers[name] === undefined && !testOnly.includes(name))
  assert.deepEqual(unknown, [])
})

test('tidy: a package imports only what its layer may', () => {
  const faults = files
    .filter((file) => !file.isTest && !testOnly.includes(file.owner))
    .flatMap((file) =>
      file.imports.flatMap((specifier) => {
        const target = ownerOf(specifier)
        if (target === undefined || target === file.owner) return []
        if (testOnly.includes(target) && file.owner === 'bench') return []
        if (testOnly.includes(target)) return [`${file.path}: ${specifier} is for tests only`]
        const allowed = allowedOnly[file.owner]
        const isLower =
          (layers[target] ?? 99) < (layers[file.owner] ?? -1) &&
          (layers[file.owner] === 7 || layers[target] !== 5)
        return (allowed ? allowed.includes(target) : isLower)
          ? []
          : [`${file.path}: layer ${layers[file.owner]} must not import ${specifier}`]
      }),
    )
  assert.deepEqual(faults, [], listed(faults))
})

test('tidy: what a package imports of ours stands in its package.json', () => {
  const faults = files.flatMap((file) => {
    const manifest = JSON.parse(
      readFileSync(join(root, file.folder, 'package.json'), 'utf8'),
    ) as Readonly<Record<string, Readonly<Record<string, string>> | undefined>>
    const declared = {
      ...manifest['dependencies'],
      ...manifest['optionalDependencies'],
      ...(file.isTest ? manifest['devDependencies'] : {}),
    }
    return file.imports.flatMap((specifier) => {
      const target = ownerOf(specifier)
      if (target === undefined || target === file.owner || `@millrace/${target}` in declared)
        return []
      return file.owner === 'web'
        ? []
        : [`${file.path}: @millrace/${target} is not in ${file.folder}/package.json`]
    })
  })
  assert.deepEqual(faults, [], listed(faults))
})

test('tidy: no relative import leaves its package, and each names a file with its ending', () => {
  const faults = files.flatMap((file) =>
    file.imports
      .filter((specifier) => specifier.startsWith('.'))
      .flatMap((specifier) => {
        const target = relative(
          join(root, file.folder),
          resolve(root, dirname(file.path), specifier),
        )
        if (target.startsWith('..')) return [`${file.path}: ${specifier} leaves ${file.folder}`]
        return /\.(ts|tsx|mjs|json|css|svg)$/.test(specifier)
          ? []
          : [`${file.path}: ${specifier} has no ending`]
      }),
  )
  assert.deepEqual(faults, [], listed(faults))
})

// Types may name each other across files (a stream makes tables, a table makes streams); what is loaded may not.
test('tidy: no import cycles between files', () => {
  const graph = new Map(
    files.map((file) => [
      file.path,
      file.loaded
        .filter((s) => s.startsWith('.'))
        .map((s) => relative(root, resolve(root, dirname(file.path), s))),
    ]),
  )
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path)
    if (at >= 0) return void cycles.push([...trail.slice(at), path].join(' -> '))
    if (done.has(path)) return
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path])
    done.add(path)
  }
  for (const path of graph.keys()) visit(path, [])
  assert.deepEqual(cycles, [], listed(cycles))
})

test('tidy: wrapped libraries have one importer', () => {
  const faults = files
    .filter((file) => file.owner !== 'bench' && !file.isTest)
    .flatMap((file) =>
      file.imports
        .filter((specifier) => (soleImporters[specifier] ?? file.owner) !== file.owner)
        .map((specifier) => `${file.path}: only ${soleImporters[specifier]} imports ${specifier}`),
    )
  assert.deepEqual(faults, [], listed(faults))
})

test('tidy: barrels name what they export; no export *', () => {
  const faults = files.filter((file) => /^export \*/m.test(file.text)).map((file) => file.path)
  assert.deepEqual(faults, [], listed(faults))
})

test('tidy: process.env is read in config files, entry points and tests alone', () => {
  const mayRead =
    /\/(config|main|host|testing|platform|child-process|test-tiers|test-process|run-service)\.ts$|^(bench|packages\/testkit)\//
  const faults = files
    .filter(
      (file) =>
        !file.isTest &&
        !mayRead.test(file.path) &&
        /process\.env\b/.test(file.text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')),
    )
    .map((file) => file.path)
  assert.deepEqual(faults, [], listed(faults))
})

test('tidy: files have kebab-case names and none is called utils, helpers, common or misc', () => {
  const faults = files
    .map((file) => file.path)
    .filter(
      (path) =>
        !/\/[a-z0-9$_.-]+\.(ts|tsx)$/.test(path) ||
        /\/(utils?|helpers?|common|misc)\.tsx?$/.test(path),
    )
  assert.deepEqual(faults, [], listed(faults))
})

test('tidy: each workspace has a README', () => {
  const faults = workspaces
    .filter(({ folder }) => globSync(join(folder, 'README.md'), { cwd: root }).length === 0)
    .map(({ folder }) => folder)
  assert.deepEqual(faults, [], listed(faults))
})

test('tidy: every optional dependency in the lock file has its entry, or npm ci would stop elsewhere', () => {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<
      Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>
    >
  }
  const present = new Set(
    Object.keys(lock.packages).map((path) =>
      path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
    ),
  )
  const faults = Object.entries(lock.packages).flatMap(([path, entry]) =>
    Object.keys(entry.optionalDependencies ?? {})
      .filter((name) => !present.has(name))
      .map((name) => `${path}: ${name}`),
  )
  assert.deepEqual(faults, [], listed(faults))
})

test('tidy: no file with a machine path, a registry address or a merge mark is tracked', () => {
  const tracked = globSync(
    [
      '*.{json,md,ts,mjs}',
      '{packages,services,apps,contracts,dev,bench,docs}/**/*.{json,md,ts,tsx,mjs,sql,html,css}',
    ],
    {
      cwd: root,
      exclude: (entry) => ['node_modules', 'dist', '.millrace', '.cache'].includes(entry),
    },
  )
  const faults = tracked.filter((path) => {
    const text = readFileSync(join(root, path), 'utf8')
    return (
      /(^|[^a-zA-Z0-9_.])\/(work|farm)\/[a-z]/m.test(text) ||
      /"resolved": "https?:/.test(text) ||
      /^(<<<<<<<|>>>>>>>) /m.test(text)
    )
  })
  assert.deepEqual(faults, [], listed(faults))
})
