// Sends one event with Meta's own SDK to the address in BRIDGE_URL and prints what it was told.
'use strict';
const { FacebookAdsApi, EventRequest, ServerEvent, UserData, CustomData } = require('facebook-nodejs-business-sdk');

const { BRIDGE_URL, DATASET, TOKEN, EVENT_TIME } = process.env;
Object.defineProperty(FacebookAdsApi, 'GRAPH', { get: () => BRIDGE_URL });

const event = new ServerEvent()
  .setEventName('Purchase')
  .setEventTime(Number(EVENT_TIME))
  .setEventId('order-1')
  .setEventSourceUrl('https://shop.example/thanks')
  .setActionSource('website')
  .setUserData(new UserData().setEmail('Jane@Example.com').setClientUserAgent('Mozilla/5.0').setCountry('de'))
  .setCustomData(new CustomData().setCurrency('eur').setValue(129.95));

new EventRequest(TOKEN, DATASET)
  .setEvents([event])
  .setTestEventCode('TEST9')
  .execute()
  .then((answer) => console.log(JSON.stringify({ events_received: answer.events_received, fbtrace_id: answer.fbtrace_id })))
  .catch((refusal) => console.log(JSON.stringify({ refused: refusal.response })));
