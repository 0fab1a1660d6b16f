import path from 'node:path'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { build } from 'esbuild'
import { createLink, type Handover, readHandover, recordBox } from '../../functions/shared/handover.ts'
import { updateItem } from '../../functions/shared/ledger.ts'
import { makeLinkKey, sealBox } from '../../functions/shared/sealed-box.ts'
import { bundling } from '../../infra/build/esbuild.ts'
import { loadVending } from '../../infra/build/check-vending.ts'
import { startApi } from '../../local/aws/api-gateway.ts'
import { startEndpoint } from '../../local/aws/endpoint.ts'
import { createWorld } from '../../local/aws/world.ts'
import { startClock } from '../../local/clock.ts'
import { createLedger } from '../../local/create-ledger.ts'
import { readDeployed } from '../../local/deployed.ts'
import { loadFunction } from '../../local/run-function.ts'

/** A link of one administrator, and what a test may do to the link behind the page's back. */
export type TestLink = {
  url: string
  /** The secret part of the URL. */
  code: string
  handover: Shown
  seal: () => Promise<void>
  /** Puts into the link's place the box of another link. */
  exchangeBox: () => Promise<void>
  end: (state: 'expired' | 'replaced') => Promise<void>
  /** Somebody else claims the password. */
  claim: () => Promise<void>
  isClaimed: () => Promise<boolean>
}
type Shown = ReturnType<typeof shownFor>
export type LinkServer = {
  url: string
  makeLink: (given?: { isSealed?: boolean; handover?: Partial<Shown> }) => Promise<TestLink>
  close: () => Promise<void>
}

let administrators = 11_112_222
/** What the link of a new administrator shows. Each is in an account of its own, whose number ends with 3333. */
const shownFor = () => {
  const accountId = `${administrators++}3333`.padStart(12, '1')
  return {
    accountId,
    accountName: 'Payments',
    signInUrl: `https://${accountId}.signin.aws.amazon.com/console`,
    userName: 'ada',
    password: 'k7!vQz#Rw2(Tn_9xHd[4bM}eYp8$uGa3',
    mustChangePassword: true,
  }
}

/** The function claimLink as it is deployed, at this endpoint. */
const loadClaimLink = async (vendingFile: string, world: ReturnType<typeof createWorld>, endpointUrl: string) => {
  const { partition, region, managementAccountId: accountId } = world
  const deployed = readDeployed(loadVending(vendingFile), { partition, region, accountId })
  const fn = deployed.functions.find(({ name }) => name === 'claim-link')
  if (!fn) throw new Error('vending.yml deploys no page')
  const entryPoint = path.join(import.meta.dirname, '..', '..', 'functions', fn.name, 'handler.ts')
  const { outputFiles = [] } = await build({ ...bundling(vendingFile), entryPoints: [entryPoint], write: false })
  const environment = {
    ...fn.environment,
    AWS_REGION: region,
    AWS_ENDPOINT_URL: endpointUrl,
    AWS_ACCESS_KEY_ID: accountId,
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_SDK_UA_APP_ID: fn.name,
  }
  const loading = { clock: startClock(1), log: () => undefined }
  return { fn, run: loadFunction(outputFiles[0]?.text ?? '', { ...fn, environment }, loading), deployed }
}

/**
 * Serves the page of a link: the bundle of claimLink behind the API, with a ledger that evaluates its conditions. The
 * tests make the ledger's items as SendLoginEmail and SealPassword do.
 */
export const startLinkServer = async (vendingFile: string): Promise<LinkServer> => {
  const world = createWorld()
  const putEvents = () => ({ FailedEntryCount: 0, Entries: [] })
  const endpoint = await startEndpoint(world, { operations: { events: { PutEvents: putEvents } } })
  const { fn, run, deployed } = await loadClaimLink(vendingFile, world, endpoint.url)
  const { region, managementAccountId } = world
  const credentials = { accessKeyId: managementAccountId, secretAccessKey: 'local' }
  const dynamodb = new DynamoDBClient({ endpoint: endpoint.url, region, credentials })
  const ledger = { dynamodb, tableName: deployed.ledgerTable }
  await createLedger(dynamodb, ledger.tableName)
  const api = await startApi({
    now: Date.now,
    functions: [fn],
    throttle: {},
    roles: [],
    region,
    accountId: managementAccountId,
    invoke: (_, event) => run(event),
  })
  const url = `${api.url}/link`

  return {
    url,
    makeLink: async ({ isSealed = true, handover: given = {} } = {}) => {
      const shown = { ...shownFor(), ...given }
      const { accountId, userName } = shown
      const administrator = { accountId, userName }
      const [secretVersion, newVersion] = ['1'.repeat(32), '2'.repeat(32)]
      const { scalar, ...key } = await makeLinkKey()
      const link = { ...administrator, ...key, email: 'ada@example.com', secretVersion, days: 7 }
      await createLink(ledger, link)
      const record = async (box: Awaited<ReturnType<typeof sealBox>>) => {
        const there = (await readHandover(ledger, administrator))?.links[key.id]
        const isRecorded =
          there && (await recordBox(ledger, administrator, { id: key.id, link: there, box, secretVersion }))
        if (!isRecorded) throw new Error('The link cannot be sealed any more')
      }
      const text = JSON.stringify(shown)
      const seal = async () => record(await sealBox({ ...key, text }))
      if (isSealed) await seal()
      return {
        url: `${url}#${scalar}`,
        code: scalar,
        handover: shown,
        seal,
        exchangeBox: async () => record(await sealBox({ ...(await makeLinkKey()), text })),
        end: async (state) => {
          if (state === 'expired') await createLink(ledger, { ...link, days: -1 })
          else await createLink(ledger, { ...link, ...(await makeLinkKey()), secretVersion: newVersion })
        },
        claim: async () => {
          await updateItem<Handover>(ledger, `handover#${accountId}#${userName}`, {
            set: {
              claim: {
                linkId: key.id,
                nonce: '',
                at: '2026-11-27T09:05:00.000Z',
                network: '203.0.113.0/24',
                browser: 'Firefox',
              },
            },
            condition: () => 'attribute_exists(pk) AND attribute_not_exists(claim)',
          })
        },
        isClaimed: async () => (await readHandover(ledger, administrator))?.claim !== undefined,
      }
    },
    close: async () => {
      dynamodb.destroy()
      await Promise.all([api.close(), endpoint.close()])
    },
  }
}
