package tenancy_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	auditv1 "github.com/millwright-io/millwright/proto/gen/millwright/audit/v1"
	billingv1 "github.com/millwright-io/millwright/proto/gen/millwright/billing/v1"
	budgetv1 "github.com/millwright-io/millwright/proto/gen/millwright/budget/v1"
	cellv1 "github.com/millwright-io/millwright/proto/gen/millwright/cell/v1"
	certificatev1 "github.com/millwright-io/millwright/proto/gen/millwright/certificate/v1"
	deadletterv1 "github.com/millwright-io/millwright/proto/gen/millwright/deadletter/v1"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	devicetypev1 "github.com/millwright-io/millwright/proto/gen/millwright/devicetype/v1"
	facilityv1 "github.com/millwright-io/millwright/proto/gen/millwright/facility/v1"
	groupv1 "github.com/millwright-io/millwright/proto/gen/millwright/group/v1"
	invoicev1 "github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1"
	jobv1 "github.com/millwright-io/millwright/proto/gen/millwright/job/v1"
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
	limitv1 "github.com/millwright-io/millwright/proto/gen/millwright/limit/v1"
	memberv1 "github.com/millwright-io/millwright/proto/gen/millwright/member/v1"
	paymentv1 "github.com/millwright-io/millwright/proto/gen/millwright/payment/v1"
	pipelinev1 "github.com/millwright-io/millwright/proto/gen/millwright/pipeline/v1"
	platformv1 "github.com/millwright-io/millwright/proto/gen/millwright/platform/v1"
	rolev1 "github.com/millwright-io/millwright/proto/gen/millwright/role/v1"
	subscriptionv1 "github.com/millwright-io/millwright/proto/gen/millwright/subscription/v1"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
	"github.com/millwright-io/millwright/tenancy"
)

func TestEveryProcedureHasAnAction(t *testing.T) {
	t.Parallel()
	files := []protoreflect.FileDescriptor{
		auditv1.File_millwright_audit_v1_audit_proto, cellv1.File_millwright_cell_v1_cell_proto, pipelinev1.File_millwright_pipeline_v1_pipeline_proto, platformv1.File_millwright_platform_v1_platform_proto, certificatev1.File_millwright_certificate_v1_certificate_proto, tenantv1.File_millwright_tenant_v1_tenant_proto, devicev1.File_millwright_device_v1_device_proto, devicetypev1.File_millwright_devicetype_v1_devicetype_proto,
		keyv1.File_millwright_key_v1_key_proto, rolev1.File_millwright_role_v1_role_proto, facilityv1.File_millwright_facility_v1_facility_proto,
		memberv1.File_millwright_member_v1_member_proto, telemetryv1.File_millwright_telemetry_v1_telemetry_proto, usagev1.File_millwright_usage_v1_usage_proto, budgetv1.File_millwright_budget_v1_budget_proto,
		jobv1.File_millwright_job_v1_job_proto, groupv1.File_millwright_group_v1_group_proto, devicev1.File_millwright_device_v1_gateway_proto, devicev1.File_millwright_device_v1_bulk_proto,
		limitv1.File_millwright_limit_v1_limit_proto, invoicev1.File_millwright_invoice_v1_invoice_proto, billingv1.File_millwright_billing_v1_billing_proto, subscriptionv1.File_millwright_subscription_v1_subscription_proto, paymentv1.File_millwright_payment_v1_payment_proto, deadletterv1.File_millwright_deadletter_v1_deadletter_proto,
	}
	count := 0
	for _, f := range files {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				procedure := "/" + string(s.FullName()) + "/" + string(s.Methods().Get(j).Name())
				if _, ok := tenancy.ActionOf(procedure); !ok {
					t.Errorf("%s has no action", procedure)
				}
				count++
			}
		}
	}
	if got := len(tenancy.Procedures()); got != count {
		t.Errorf("the table has %d procedures, the descriptors %d", got, count)
	}
	if _, ok := tenancy.ActionOf("/millwright.tenant.v1.TenantService/Destroy"); ok {
		t.Error("a procedure that is not in the table has an action")
	}
	for _, p := range tenancy.Procedures() {
		if !strings.HasPrefix(p, "/millwright.") {
			t.Errorf("%s lacks its slash", p)
		}
	}
}
