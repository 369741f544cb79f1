// Sends one event with every field that Meta's own SDK can set, to the address in BRIDGE_URL, and prints what came back.
// Not set: original_event_data and attribution_data, whose classes the SDK does not export.
// The names come from the SDK itself: a field that a newer SDK has, and that is not in VALUES, ends this with an error.
'use strict';
const sdk = require('facebook-nodejs-business-sdk');

const { BRIDGE_URL, DATASET, TOKEN, EVENT_TIME } = process.env;
Object.defineProperty(sdk.FacebookAdsApi, 'GRAPH', { get: () => BRIDGE_URL });

const TIME = Number(EVENT_TIME);
const VALUES = {
  ServerEvent: {
    event_name: 'Purchase', event_time: TIME, event_id: 'order-1', event_source_url: 'https://shop.example/thanks',
    action_source: 'website', opt_out: true, data_processing_options: ['LDU'], data_processing_options_country: 1,
    data_processing_options_state: 1000, advanced_measurement_table: 'table', advertiser_tracking_enabled: true,
    messaging_channel: 'whatsapp',
  },
  UserData: {
    emails: ['Jane@Example.com'], phones: ['+1 615 555 0142'], genders: ['f'], dates_of_birth: ['19880214'],
    last_names: ['Doe'], first_names: ['Jane'], cities: ['Nashville'], states: ['tn'], zips: ['37221'], countries: ['us'],
    external_ids: ['customer-7'], client_ip_address: '203.0.113.7', client_user_agent: 'Mozilla/5.0',
    fbc: `fb.1.${TIME * 1000}.IwAR2xYzAbCdEf`, fbp: 'fb.1.1795000000000.1019141', subscription_id: 'subscription-7',
    fb_login_id: '1234567890', lead_id: '1234567890123456', f5first: 'jane', f5last: 'doe', fi: 'j', dobd: '14', dobm: '02',
    doby: '1988', madid: '38400000-8cf0-11bd-b23e-10b96e40000d', anon_id: 'anonymous-7', app_user_id: 'user-7',
    ctwa_clid: 'ARA-click', page_id: '102030405060708',
  },
  CustomData: {
    value: 129.95, net_revenue: 100.5, currency: 'EUR', content_name: 'Boots', content_category: 'Shoes',
    content_ids: ['SKU-1'], content_type: 'product', order_id: '1', predicted_ltv: 500, num_items: 1, status: 'registered',
    search_string: 'boots', item_number: 'SKU-1', delivery_category: 'home_delivery', custom_properties: { color: 'brown' },
  },
  Content: {
    id: 'SKU-1', quantity: 1, item_price: 129.95, title: 'Boots', description: 'Leather', brand: 'Acme', category: 'Shoes',
    delivery_category: 'home_delivery',
  },
  AppData: {
    application_tracking_enabled: true, advertiser_tracking_enabled: true, campaign_ids: 'campaign-1', consider_views: true,
    include_dwell_data: true, include_video_data: true, install_referrer: 'referrer', installer_package: 'com.example.store',
    receipt_data: 'receipt', url_schemes: 'example', windows_attribution_id: 'windows-1',
  },
  ExtendedDeviceInfo: {
    ext_info_version: 'a2', app_package_name: 'com.example.app', short_version: '1.0', long_version: '1.0.1', os_version: '13',
    device_model_name: 'Pixel', locale: 'en_US', timezone_abbreviation: 'CET', carrier: 'Carrier', screen_width: 1080,
    screen_height: 1920, screen_density: '2.0', cpu_core_count: 8, total_disk_space_gb: 64, free_disk_space_gb: 32,
    device_time_zone: 'Europe/Berlin',
  },
};
const SINGULAR = {
  email: 'emails', phone: 'phones', gender: 'genders', date_of_birth: 'dates_of_birth', last_name: 'last_names',
  first_name: 'first_names', city: 'cities', state: 'states', zip: 'zips', country: 'countries', external_id: 'external_ids',
};
const MADE_BELOW = ['user_data', 'custom_data', 'app_data', 'original_event_data', 'attribution_data', 'contents', 'extinfo'];

function filled(name) {
  const made = new sdk[name]();
  for (const [field, property] of Object.entries(Object.getOwnPropertyDescriptors(sdk[name].prototype))) {
    if (!property.set || field in SINGULAR || MADE_BELOW.includes(field)) continue;
    if (!(field in VALUES[name])) throw new Error(`${name}.${field} has no value in VALUES`);
    made[field] = VALUES[name][field];
  }
  return made;
}

const event = filled('ServerEvent');
event.user_data = filled('UserData');
event.custom_data = filled('CustomData');
event.custom_data.contents = [filled('Content')];
event.app_data = filled('AppData');
event.app_data.extinfo = filled('ExtendedDeviceInfo');

new sdk.EventRequest(TOKEN, DATASET)
  .setEvents([event])
  .setTestEventCode('TEST9')
  .setPartnerAgent('wordpress')
  .setNamespaceId('1')
  .setUploadId('2')
  .setUploadTag('3')
  .setUploadSource('4')
  .execute()
  .then((answer) => console.log(JSON.stringify({ events_received: answer.events_received, messages: answer.messages })))
  .catch((refusal) => console.log(JSON.stringify({ refused: refusal.response || String(refusal) })));
