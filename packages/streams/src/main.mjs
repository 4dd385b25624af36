#!/usr/bin/env node
const { runCommand } = await import('./reset/command.ts')
process.exitCode = await runCommand(process.argv.slice(2))
