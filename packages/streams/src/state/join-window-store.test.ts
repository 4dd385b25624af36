import { joinWindowStoreContract } from './join-window-store.contract.ts'
import { joinWindowStore } from './join-window-store.ts'

joinWindowStoreContract('join window store in memory', joinWindowStore)
