import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { endChild, exitOf, isRunning } from './child-exit.ts'

const start = (code: string): ChildProcess =>
  spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })

test('a child that has ended already is not waited for', async () => {
  const child = start('process.exitCode = 3')
  await once(child, 'exit')
  const ended = { code: 3, signal: null }
  assert.deepEqual(await exitOf(child), ended)
  assert.deepEqual(await endChild(child, 'SIGKILL'), ended)
  assert.equal(isRunning(child), false)
})

test('a child that was killed already is not waited for', async () => {
  const child = start('setInterval(() => {}, 1_000)')
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.deepEqual(await endChild(child, 'SIGTERM'), { code: null, signal: 'SIGKILL' })
})

test('a child that runs is waited for, from several places at once', async () => {
  const child = start('setTimeout(() => process.exit(4), 100)')
  assert.equal(isRunning(child), true)
  const ended = { code: 4, signal: null }
  assert.deepEqual(await Promise.all([exitOf(child), exitOf(child)]), [ended, ended])
})

test('a child that takes no signal but SIGKILL is killed at the limit, and told of', async () => {
  const child = start("process.on('SIGTERM', () => {}); console.log(1); setInterval(() => {}, 99)")
  await once(child.stdout!, 'data')
  await assert.rejects(endChild(child, 'SIGTERM', 200), /still ran after 200 ms and was killed/)
  assert.equal(child.signalCode, 'SIGKILL')
})

test('a program that does not exist is an error, heard at once or later', async () => {
  const child = spawn('/nowhere/at-all')
  const failed = once(child, 'error')
  await assert.rejects(exitOf(child), /"\/nowhere\/at-all" could not be started/)
  await failed
})
