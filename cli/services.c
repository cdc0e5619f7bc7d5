#include "cli/services.h"

#include "services/bus/bus.h"
#include "services/notify/notify.h"
#include "services/patrol/patrol.h"
#include "services/registry/registry.h"
#include "services/reports/reports.h"
#include "services/ticketing/ticketing.h"

/* clang-format off */
const struct service_def *const services_all[] = {
    &bus_def, &registry_def, &ticketing_def, &patrol_def, &notify_def, &reports_def, NULL,
};
/* clang-format on */
