import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { MemoryDisk } from '../../test/memory-disk.ts'
import type { Disk, DiskFile } from '../log/disk.ts'
import { CrashedError, FaultDisk, type KillPlan } from './fault-disk.ts'

const paths = ['d/a', 'd/b', 'e/c']

type Step =
  | { readonly kind: 'write'; readonly path: string; readonly at: number; readonly text: string }
  | { readonly kind: 'truncate'; readonly path: string; readonly size: number }
  | {
      readonly kind: 'sync' | 'syncMeanwhile' | 'syncNow' | 'reopen' | 'remove'
      readonly path: string
    }
  | { readonly kind: 'syncDirectory'; readonly path: string }
  | {
      readonly kind: 'replace'
      readonly path: string
      readonly text: string
      readonly durable: boolean
    }

const path = fc.constantFrom(...paths)
const text = fc.string({ minLength: 1, maxLength: 6 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('write' as const), path, at: fc.nat(12), text }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('truncate' as const), path, size: fc.nat(8) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'sync' as const,
        'syncMeanwhile' as const,
        'syncNow' as const,
        'reopen' as const,
        'remove' as const,
      ),
      path,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('syncDirectory' as const),
      path: fc.constantFrom('d', 'e'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('replace' as const),
      path,
      text,
      durable: fc.boolean(),
    }),
  },
)

/** Runs the steps; writes leave no holes, as the broker's do not. */
async function run(disk: Disk, steps: readonly Step[]): Promise<void> {
  const files = new Map<string, DiskFile>()
  let underWay: Promise<void>[] = []
  const fileAt = (name: string): DiskFile => {
    const file = files.get(name) ?? disk.open(name)
    files.set(name, file)
    return file
  }
  const close = async (name: string): Promise<void> => {
    await Promise.all(underWay)
    underWay = []
    files.get(name)?.close()
    files.delete(name)
  }
  for (const one of steps) {
    if (one.kind === 'syncDirectory') disk.syncDirectory(one.path)
    else if (one.kind === 'replace') {
      await close(one.path)
      disk.replaceFile(one.path, Buffer.from(one.text), one.durable)
    } else if (one.kind === 'remove') {
      await close(one.path)
      disk.remove(one.path)
    } else if (one.kind === 'reopen') await close(one.path)
    else {
      const file = fileAt(one.path)
      if (one.kind === 'write') file.write(Buffer.from(one.text), Math.min(one.at, file.size))
      else if (one.kind === 'truncate') file.truncate(Math.min(one.size, file.size))
      else if (one.kind === 'sync') await file.sync()
      else if (one.kind === 'syncMeanwhile') underWay.push(file.sync())
      else file.syncNow()
    }
  }
  await Promise.all(underWay)
}

test('fault disk: a power cut leaves what the disk that knows its syncs would leave', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const model = new MemoryDisk()
      const inner = new MemoryDisk()
      const disk = new FaultDisk(inner, () => {})
      await run(model, steps)
      await run(disk, steps)
      for (const name of paths)
        assert.deepEqual(inner.readFile(name)?.toString(), model.readFile(name)?.toString())
      model.cutPower()
      disk.crash()
      disk.cutPower()
      for (const name of paths)
        assert.deepEqual(inner.readFile(name)?.toString(), model.readFile(name)?.toString(), name)
    }),
    {
      numRuns: 2_000,
      examples: [
        [
          [
            { kind: 'syncMeanwhile', path: 'd/b' },
            { kind: 'write', path: 'd/b', at: 0, text: 'a' },
            { kind: 'syncNow', path: 'd/b' },
            { kind: 'syncDirectory', path: 'd' },
          ],
        ],
      ],
    },
  )
})

test('fault disk: it dies at the change that was planned, with as much of it as was said', () => {
  for (const { tornBytes, left } of [
    { tornBytes: 0, left: 'ab' },
    { tornBytes: 1, left: 'abc' },
  ]) {
    const inner = new MemoryDisk()
    const plans: KillPlan[] = []
    const disk = new FaultDisk(inner, (plan) => {
      plans.push(plan)
      disk.crash()
    })
    const file = disk.open('d/a')
    disk.killAt({ atWrite: 3, tornBytes })
    file.write(Buffer.from('a'), 0)
    file.write(Buffer.from('b'), 1)
    assert.throws(() => file.write(Buffer.from('cd'), 2), CrashedError)
    assert.equal(plans.length, 1)
    assert.equal(inner.readFile('d/a')?.toString(), left)
    assert.throws(() => disk.open('d/b'), CrashedError)
    assert.throws(() => file.read(Buffer.alloc(1), 0), CrashedError)
    disk.revive()
    assert.equal(disk.readFile('d/a')?.toString(), left)
    assert.equal(disk.changes, 3)
  }
})
