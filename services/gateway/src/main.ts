import { runService } from '@millrace/runtime'
import { gatewayService } from './service.ts'

await runService(gatewayService)
