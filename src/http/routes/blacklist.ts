import {z} from 'zod'
import {BlacklistEntryBody, BlacklistRequest, HotkeyParams, RemovalBody} from '../../api/schemas.js'
import {
  addToBlacklist,
  type BlacklistEntry,
  findBlacklisted,
  listBlacklist,
  removeFromBlacklist,
} from '../../store/blacklist.js'
import {datetime} from '../datetime.js'
import {Refusal} from '../refusal.js'
import {type Route, route} from '../route.js'
import {callerOf, hotkeyOf, type RouteDeps} from './deps.js'

export function blacklistRoutes({store, time, log}: RouteDeps): Route[] {
  const keep = {maxAgeS: 5, basis: () => [store.changes.of('blacklist')]}
  return [
    route({
      method: 'GET',
      path: '/blacklist',
      summary: 'all entries with reason and author',
      access: 'public',
      answer: z.array(BlacklistEntryBody),
      keep,
      handle: () => listBlacklist(store).map(entryBody),
    }),
    route({
      method: 'GET',
      path: '/blacklist/miners',
      summary: 'the hotkeys alone',
      access: 'public',
      answer: z.array(z.string()),
      keep,
      handle: () => listBlacklist(store).map(({hotkey}) => hotkey),
    }),
    route({
      method: 'GET',
      path: '/blacklist/{hotkey}',
      summary: 'one entry',
      access: 'public',
      params: HotkeyParams,
      answer: BlacklistEntryBody,
      handle: ({params}) => {
        const entry = findBlacklisted(store, hotkeyOf(params.hotkey))
        if (!entry) throw new Refusal(404, 'Miner not blacklisted')
        return entryBody(entry)
      },
    }),
    route({
      method: 'POST',
      path: '/blacklist',
      summary: 'add a hotkey, or replace reason and author',
      access: 'admin',
      body: BlacklistRequest,
      answer: BlacklistEntryBody,
      handle: ({body, caller}) => {
        const addedBy = callerOf(caller).hotkey
        log.info({hotkey: body.hotkey, addedBy}, 'hotkey blacklisted')
        return entryBody(addToBlacklist(store, {...body, addedBy}, time.now()))
      },
    }),
    route({
      method: 'DELETE',
      path: '/blacklist/{hotkey}',
      summary: 'remove a hotkey',
      access: 'admin',
      params: HotkeyParams,
      answer: RemovalBody,
      handle: ({params, caller}) => {
        const hotkey = hotkeyOf(params.hotkey)
        const removedBy = callerOf(caller).hotkey
        if (!removeFromBlacklist(store, hotkey)) throw new Refusal(404, 'Miner not blacklisted')
        log.info({hotkey, removedBy}, 'hotkey taken off the blacklist')
        return {
          success: true,
          message: `Removed miner ${hotkey.slice(0, 8)}... from blacklist`,
          removed_by: removedBy,
        }
      },
    }),
  ]
}

function entryBody({hotkey, reason, addedBy, createdAt}: BlacklistEntry) {
  return {hotkey, reason, added_by: addedBy, created_at: datetime(createdAt)}
}
