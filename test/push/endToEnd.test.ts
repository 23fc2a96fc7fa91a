// The whole service as a process, with Apple's and Google's stubs at their own names, a real Redis, a PBX and an app.
// Each file runs inside a namespace of its own.
import { expectTestsPassInVendorNamespace } from './vendorNames.ts'

await expectTestsPassInVendorNamespace('./test/push/insideNamespace/endToEnd.ts')
await expectTestsPassInVendorNamespace('./test/push/insideNamespace/endToEndFaults.ts')
