#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

// JavaScript, so that from the second start on Node neither compiles nor strips types, and never loads its type stripper: a third of the time and
// 15 MB less. In a directory of the user's own, since whoever can write there can run code here; where it cannot be made, the start goes on without.
enableCompileCache(join(homedir(), '.cache', 'millrace', 'broker'))
const { runCommand } = await import('./command.ts')
await runCommand()
