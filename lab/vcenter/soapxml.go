// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// soapCall is what the front reads from a SOAP request before vcsim decodes it.
type soapCall struct {
	Method  string
	This    ref
	NewName string // the request's name element: what CloneVM_Task, CreateFolder and the like make
	User    string // of Login
}

// sniff reads the method, _this and the direct name and userName elements of a SOAP request.
func sniff(body []byte) soapCall {
	call := soapCall{}
	decoder := xml.NewDecoder(bytes.NewReader(body))
	depth, inBody := 0, 0
	for {
		token, err := decoder.Token()
		if err != nil {
			return call
		}
		switch t := token.(type) {
		case xml.StartElement:
			depth++
			switch {
			case t.Name.Local == "Body" && depth == 2:
				inBody = depth
			case inBody > 0 && depth == inBody+1:
				call.Method = t.Name.Local
			case inBody > 0 && depth == inBody+2:
				call.take(decoder, t, &depth)
			case inBody > 0 && call.namesNew(t.Name.Local, depth-inBody):
				if decoder.DecodeElement(&call.NewName, &t) == nil {
					depth--
				}
			}
		case xml.EndElement:
			depth--
		}
	}
}

// namesNew knows the elements deeper in a request that name what it makes: configSpec.name, config.name and cisp.entityName.
func (c *soapCall) namesNew(element string, depth int) bool {
	switch c.Method {
	case "ImportVApp":
		return element == "name" && depth == 4 && c.NewName == ""
	case "CreateVM_Task":
		return element == "name" && depth == 3
	case "CreateImportSpec":
		return element == "entityName" && depth == 3
	}
	return false
}

func (c *soapCall) take(decoder *xml.Decoder, t xml.StartElement, depth *int) {
	var into *string
	switch t.Name.Local {
	case "_this":
		into = &c.This.Value
		for _, a := range t.Attr {
			if a.Name.Local == "type" && !strings.Contains(a.Value, ":") {
				c.This.Type = a.Value
			}
		}
	case "name", "newName":
		into = &c.NewName
	case "userName":
		into = &c.User
	default:
		return
	}
	if decoder.DecodeElement(into, &t) == nil {
		*depth--
	}
}

var faultInBody = regexp.MustCompile(`<detail>\s*<(\w+)Fault[ >]`)

// faultInAnswer is the name of the fault in a SOAP answer, "" when there is none.
func faultInAnswer(body []byte) string {
	if m := faultInBody.FindSubmatch(body); m != nil {
		return string(m[1])
	}
	return ""
}

func faultName(fault any) string { return reflect.TypeOf(fault).Elem().Name() }

// newFault makes an empty fault by its vim name, nil when there is no such fault.
func newFault(name string) types.BaseMethodFault {
	kind, ok := types.TypeFunc()(name)
	if !ok {
		return nil
	}
	fault, _ := reflect.New(kind).Interface().(types.BaseMethodFault)
	return fault
}

const envelope = `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/" xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"` +
	` xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>%s</soapenv:Body></soapenv:Envelope>`

func writeSOAP(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, envelope, body)
}

func escape(text string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(text))
	return out.String()
}

// writeFault answers with a SOAP fault; NoPermission and its kin name the object, as their type demands.
func writeFault(w http.ResponseWriter, name, message string, object ref) {
	inner := ""
	switch name {
	case "NoPermission", "NotAuthenticated":
		inner = fmt.Sprintf(`<object type="%s">%s</object><privilegeId>System.View</privilegeId>`, escape(object.Type), escape(object.Value))
	case "ManagedObjectNotFound":
		inner = fmt.Sprintf(`<obj type="%s">%s</obj>`, escape(object.Type), escape(object.Value))
	}
	writeSOAP(w, http.StatusInternalServerError, fmt.Sprintf(
		`<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>%s</faultstring>`+
			`<detail><%sFault xmlns="urn:vim25" xsi:type="%s">%s</%sFault></detail></soapenv:Fault>`,
		escape(message), name, name, inner, name))
}

// writeTask answers a *_Task method with the task.
func writeTask(w http.ResponseWriter, method string, task ref) {
	writeSOAP(w, http.StatusOK, fmt.Sprintf(`<%sResponse xmlns="urn:vim25"><returnval type="Task">%s</returnval></%sResponse>`,
		method, escape(task.Value), method))
}
