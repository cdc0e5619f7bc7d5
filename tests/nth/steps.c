#include "nth/steps.h"

#include <stddef.h>

/* Morning of 2025-07-12, a Saturday. */
const struct step steps_told[] = {
    /* who and where */
    {"registry", "PutEstate", "system/system",
     "{\"estate\":{\"estate\":\"E01\",\"name\":\"One\"}}"},
    {"registry", "ListEstates", "S904/sys", "{\"max\":10}"},
    {"registry", "PutUnit", "S702/arch",
     "{\"unit\":{\"unit\":\"2-1-999\",\"estate\":\"E01\",\"building\":\"2\",\"entrance\":\"1\","
     "\"floor\":\"9\",\"room\":\"99\",\"area\":\"2\",\"steward\":\"S202\",\"status\":\"occupied\"}"
     "}"},
    {"registry", "GetUnit", "S101/desk", "{\"unit\":\"2-1-501\"}"},
    {"registry", "ListUnits", "S101/desk", "{\"building\":\"2\",\"max\":10}"},
    {"registry", "ListBuildings", "S101/desk", "{\"max\":10}"},
    {"registry", "PutPerson", "S702/arch",
     "{\"person\":{\"unit\":\"2-1-999\",\"identity\":\"owner\",\"name\":\"Zhao\",\"phones\":["
     "\"13800099999\"],\"plates\":[\"京A12345\"]}}"},
    {"registry", "GetPerson", "S101/desk", "{\"person\":\"P00205\"}"},
    {"registry", "PutStaff", "S901/pm",
     "{\"staff\":{\"staff\":\"S404\",\"name\":\"New\",\"roles\":[\"eng\"],\"dept\":"
     "\"engineering\",\"deputy\":\"S402\",\"phone\":\"13900000404\",\"channels\":[\"webhook\"]}}"},
    {"registry", "GetStaff", "S101/desk", "{\"staff\":\"S402\"}"},
    {"registry", "ListStaff", "S101/desk", "{\"dept\":\"engineering\",\"max\":10}"},
    {"registry", "SetLeave", "S901/pm",
     "{\"staff\":\"S502\",\"fromMs\":1752300000000,\"toMs\":1752400000000}"},
    {"registry", "MarkLeft", "S901/pm", "{\"staff\":\"S404\",\"reason\":\"moved away\"}"},
    {"registry", "RevokeToken", "S901/pm", "{\"staff\":\"S602\",\"reason\":\"lost\"}"},
    {"registry", "Search", "S101/desk", "{\"query\":\"2-1-50\",\"max\":10}"},
    {"registry", "Unmask", "S101/desk", "{\"person\":\"P00205\",\"reason\":\"call back\"}"},
    {"registry", "IssueToken", "system/system", "{\"staff\":\"S101\"}"},
    {"registry", "ListHolds", "S101/desk", "{\"unit\":\"2-1-501\",\"max\":10}"},
    {"registry", "StartImport", "S901/pm",
     "{\"kind\":\"persons\",\"columns\":[\"person\",\"unit\",\"identity\",\"name\",\"phone\","
     "\"plate\"],\"partial\":true}"},
    {"registry", "ImportRows", "S901/pm",
     "{\"import\":\"$import\",\"rows\":[{\"line\":2,\"values\":[\"UDkwMDAx\",\"Mi0xLTUwMQ==\","
     "\"b3duZXI=\",\"UWlhbg==\",\"MTM4MDAwMTIzNDU=\",\"\"]}]}"},
    {"registry", "GetImport", "S901/pm", "{\"import\":\"$import\",\"max\":10}"},
    {"registry", "FinishImport", "S901/pm", "{\"import\":\"$import\"}"},
    {"registry", "GetManual", "S101/desk", "{}"},

    /* a burst pipe: the technician does not answer, his back-up does */
    {"ticketing", "OpenCase", "S101/desk",
     "{\"procedure\":\"repair\",\"unit\":\"2-1-501\",\"channel\":\"call\",\"caller\":{\"name\":"
     "\"Sun\",\"phone\":\"13800000000\"},\"fields\":{\"urgency\":\"E1\",\"trade\":\"water\","
     "\"scope\":\"private\",\"place\":\"kitchen\",\"content\":\"Burst pipe\"}}"},
    {"ticketing", "LinkContact", "S102/desk",
     "{\"caseNo\":\"$repair\",\"caller\":{\"name\":\"Sun\",\"phone\":\"13800000000\"},\"channel\":"
     "\"call\",\"fields\":{\"text\":\"It still runs\"}}"},
    {"ticketing", "FireEvent", "S401/eng_disp",
     "{\"caseNo\":\"$repair\",\"event\":\"dispatch\",\"fields\":{\"assignee\":\"S402\"}}"},
    {"notify", "Attend", "S402/eng", "{\"forMs\":60000}"},
    {"notify", "WaitPages", "S402/eng", "{\"waitMs\":1000,\"max\":10,\"open\":true}"},
    {"notify", "ListPages", "S402/eng", "{\"caseNo\":\"$repair\",\"max\":10}"},
    {"notify", "GetPage", "S402/eng", "{\"page\":\"$page\"}"},
    {"notify", "Acknowledge", "S402/eng", "{\"caseNo\":\"$repair\",\"channel\":\"pager\"}"},
    {"ticketing", "FireEvent", "S402/eng", "{\"caseNo\":\"$repair\",\"event\":\"arrive\"}"},
    {"ticketing", "FireEvent", "S402/eng", "{\"caseNo\":\"$repair\",\"event\":\"start\"}"},
    {"ticketing", "FireEvent", "S402/eng", "{\"caseNo\":\"$repair\",\"event\":\"make_safe\"}"},
    {"ticketing", "FireEvent", "S402/eng",
     "{\"caseNo\":\"$repair\",\"event\":\"done\",\"fields\":{\"result\":\"fixed\",\"photos\":2}}"},
    {"ticketing", "FireEvent", "S102/desk",
     "{\"caseNo\":\"$return_visit\",\"event\":\"rate\",\"fields\":{\"way\":\"phone\",\"overall\":5,"
     "\"rework\":false}}"},
    {"ticketing", "FireEvent", "S402/eng", "{\"caseNo\":\"$repair\",\"event\":\"arrive\"}"},
    {"patrol", "RecordForm", "S301/cs_sup",
     "{\"form\":\"KF-003\",\"fields\":{\"week\":\"2025-W28\",\"kind\":\"routine\",\"items\":\"all "
     "pass\",\"post\":\"desk\",\"checked_at\":\"2025-07-12T09:00:00+08:00\",\"duty_person\":"
     "\"S101\",\"score\":95}}"},
    {"ticketing", "GetCase", "S101/desk",
     "{\"caseNo\":\"$repair\",\"history\":true,\"unmask\":true,\"reason\":\"call\"}"},
    {"ticketing", "ListCases", "S101/desk", "{\"list\":\"my_cases\",\"max\":10}"},
    {"notify", "ListTold", "S101/desk", "{\"caseNo\":\"$repair\",\"max\":10}"},

    /* a round: danger becomes an emergency at once */
    {"patrol", "FireEvent", "S201/steward", "{\"caseNo\":\"$round\",\"event\":\"start\"}"},
    {"patrol", "FireEvent", "S201/steward",
     "{\"caseNo\":\"$round\",\"event\":\"record\",\"fields\":{\"building\":\"1\",\"entrance\":"
     "\"2\",\"checkpoint\":\"1-2\",\"class\":\"danger\",\"finding\":\"Bare wire\",\"photos\":1}}"},
    {"notify", "Reject", "S101/desk", "{\"caseNo\":\"$emergency\",\"reason\":\"ill\"}"},
    {"patrol", "GetCase", "S301/cs_sup", "{\"caseNo\":\"$finding\",\"history\":true}"},
    {"patrol", "ListCases", "S301/cs_sup", "{\"list\":\"rounds_today\",\"max\":10}"},
    {"patrol", "FireEvent", "S201/steward", "{\"caseNo\":\"$round\",\"event\":\"finish\"}"},
    {"patrol", "ImportRoster", "S301/cs_sup",
     "{\"period\":\"2025-08\",\"part\":1,\"last\":true,\"duties\":[{\"post\":\"desk\",\"shift\":"
     "\"A\",\"startMs\":1754006400000,\"endMs\":1754035200000,\"staff\":\"S101\",\"order\":1,"
     "\"line\":2}]}"},
    {"patrol", "ListDuties", "S301/cs_sup", "{\"atMs\":1752285600000}"},

    /* who looks */
    {"notify", "PutChannel", "S904/sys",
     "{\"staff\":\"S402\",\"channel\":\"webhook\",\"address\":\"https://example.org/h\"}"},
    {"notify", "ListChannels", "S904/sys", "{\"staff\":\"S402\"}"},
    {"notify", "Status", "S101/desk", "{}"},
    {"bus", "ListSources", "S904/sys", "{}"},
    {"reports", "GetKpi", "S301/cs_sup",
     "{\"name\":\"satisfaction_case\",\"period\":\"2025-07-12\",\"estate\":\"E01\"}"},
    {"reports", "ListKpis", "S301/cs_sup", "{\"period\":\"2025-07-12\",\"estate\":\"E01\"}"},
    {"reports", "ListItems", "S301/cs_sup",
     "{\"kpi\":\"satisfaction_case\",\"period\":\"2025-07-12\",\"estate\":\"E01\",\"max\":10}"},
    {"reports", "Dashboard", "S301/cs_sup",
     "{\"from\":\"2025-07-12\",\"to\":\"2025-07-12\",\"estate\":\"E01\"}"},
    {"reports", "QueryEvents", "S301/cs_sup", "{\"oldestFirst\":true,\"max\":20}"},
    {"reports", "Rebuild", "S904/sys", "{}"},

    /* processes end and begin */
    {"ticketing", NULL, NULL, "new"},
    {"bus", NULL, NULL, "stop"},
    {"registry", NULL, NULL, "stop"},
    {"ticketing", NULL, NULL, "kill"},
    {"patrol", NULL, NULL, "stop"},
    {"notify", NULL, NULL, "kill"},
    {"reports", NULL, NULL, "stop"},
    {"ticketing", "OpenCase", "S101/desk",
     "{\"procedure\":\"complaint\",\"unit\":\"2-1-502\",\"channel\":\"call\",\"newMatter\":true,"
     "\"caller\":{\"name\":\"Li\",\"phone\":\"13800000001\"},\"fields\":{\"category\":\"service\","
     "\"content\":\"rude\",\"demand\":\"sorry\"}}"},
    {0},
};
